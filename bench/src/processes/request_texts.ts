import type { LoadRequest } from '../load_job.ts'

const PLACEHOLDER = '{random}'

/** The texts of the requests, in endless rotation. */
export function requestTexts(requests: LoadRequest[]): () => string {
  const texts = requests.map(textOf)
  let at = 0
  return () => {
    const text = texts[at++ % texts.length] ?? ''
    return text.includes(PLACEHOLDER) ? text.replaceAll(PLACEHOLDER, randomWord()) : text
  }
}

// Content-Length is computed with a word for each placeholder: all words have the same length.
function textOf({ method = 'GET', path, headers, body = '' }: LoadRequest): string {
  const length = Buffer.byteLength(body.replaceAll(PLACEHOLDER, randomWord()))
  const fields = Object.entries({
    ...headers,
    ...(body === ''
      ? {}
      : { 'content-type': 'application/json', 'content-length': String(length) }),
  })
  const head = fields.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  return `${method} ${path} HTTP/1.1\r\n${head}\r\n${body}`
}

function randomWord(): string {
  return Math.floor(Math.random() * 2 ** 48)
    .toString(36)
    .padStart(10, '0')
}
