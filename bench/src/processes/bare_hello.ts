// The lower bound of a request's cost on this machine: Node's own server, which replies "hello".
import { createServer } from 'node:http'
import { serveOn } from './serve_on.ts'

await serveOn(createServer((_request, response) => response.end('hello')))
