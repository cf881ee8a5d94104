import { Readable } from 'node:stream'
import type { Logger } from 'pino'
import type { FileOutput } from '../app/replies.ts'
import { after } from '../lib/maybe_promise.ts'
import type { FrameworkReply } from './framework.ts'
import type { Handled } from './handle.ts'
import { type Admitted, type PipelineDeps, reauthorize } from './pipeline.ts'
import { discard, fileHeaders, watchedChunks } from './response/file_reply.ts'
import type { OpenStreams } from './response/open_streams.ts'

type SendDeps = PipelineDeps & { log: Logger; streams: OpenStreams }

/** Sends a redirect or a file. The handler has ended, and its transaction is committed. */
export function sendOther(
  deps: SendDeps,
  reply: FrameworkReply,
  admitted: Admitted,
  { result, payload = '' }: Handled,
  method: string,
): FrameworkReply {
  const { status, sends } = admitted.route
  reply.status(status)
  if (sends?.kind === 'redirect') return reply.header('location', payload).send()
  const output = result as FileOutput
  const { body, size } = output
  if (sends !== undefined) reply.headers(fileHeaders(sends, output))
  if (typeof body === 'string') return reply.send(Buffer.from(body))
  if (body instanceof Uint8Array) return reply.send(Buffer.from(body))
  if (method === 'HEAD') {
    discard(body)
    return reply.send(Readable.from([]))
  }
  // The client may go while the stream has nothing to send: what it holds must not wait for its next chunk.
  if (body instanceof Readable) reply.raw.once('close', () => body.destroy())
  const watch = watchOf(deps, reply, admitted)
  deps.streams.watch({ ...watch, client: reply.raw })
  return reply.send(Readable.from(watchedChunks(body, size, watch), { objectMode: false }))
}

function watchOf(deps: SendDeps, reply: FrameworkReply, admitted: Admitted) {
  let current = admitted
  const request_id = admitted.info.id
  return {
    recheck: () =>
      after(reauthorize(deps, current), (it) => {
        current = it
      }),
    onFault(err: unknown) {
      if (reply.raw.closed) return
      deps.log.error({ request_id, err }, 'the stream of a file failed')
    },
    onEnded(err: unknown) {
      deps.log.info({ request_id, err }, 'the stream of a file was ended')
    },
  }
}
