// The floor of what a request costs on this machine: Node's own server, which says hello.
import { createServer } from 'node:http'
import { serveOn } from './serve_on.ts'

await serveOn(createServer((_request, response) => response.end('hello')))
