import { apiOf } from 'tenantry-web'
import type { components, paths } from './api.d.ts'

/** The API with the app's own routes, and the hooks that read with it. */
export const { api, useItem, useList, useVersion, useWhole, reference } = apiOf<paths>()

/** What the API takes and replies, by the names in its OpenAPI document. */
export type Schemas = components['schemas']
