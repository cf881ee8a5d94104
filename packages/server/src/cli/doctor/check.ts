/** One thing that was looked at. */
export interface Check {
  name: string
  state: 'ok' | 'warn' | 'fail'
  detail: string
}
