import openapiTypescript, { astToString } from 'openapi-typescript'

/**
 * The TypeScript types of an OpenAPI 3 document. openapi-typescript needs the API of TypeScript 5, which this
 * package brings; what it writes compiles under later versions too.
 */
export async function typesOf(document: object): Promise<string> {
  // A field with a default may be left out of a request.
  const types = await openapiTypescript(JSON.stringify(document), { defaultNonNullable: false })
  return `${HEADER}${astToString(types)}`
}

const HEADER = '/** Written by `tenantry generate` from the routes. Do not edit. */\n\n'
