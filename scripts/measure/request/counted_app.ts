// The starter's app in a server that counts its calls. request_cost.ts starts the server and asks for
// the counts before and after it sends a request.
import { app as starter } from '../../../starter/src/app.ts'
import { CallCounter, type Calls } from './call_counter.ts'
import { type Counts, MEASURED_ROUTE } from './counts.ts'

const counter = new CallCounter()
let before: Calls = {}

export const app = {
  ...starter,
  routes: starter.routes.map((route) => {
    if (`${route.method} ${route.path}` !== MEASURED_ROUTE) return route
    return {
      ...route,
      handle(...given: Parameters<typeof route.handle>) {
        before = counter.take()
        return route.handle(...given)
      },
    }
  }),
}

process.on('message', () => {
  const counts: Counts = { before, after: counter.take() }
  before = {}
  process.send?.(counts)
})
