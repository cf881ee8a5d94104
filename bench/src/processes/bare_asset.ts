// The lower bound of sending a file that is in memory: Node's own server, with the headers a browser needs.
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { serveOn } from './serve_on.ts'

const body = readFileSync(process.env['ASSET'] ?? '')
const headers = {
  'content-type': 'text/javascript; charset=utf-8',
  'content-encoding': 'br',
  'content-length': body.length,
}

await serveOn(createServer((_request, response) => response.writeHead(200, headers).end(body)))
