/** The result of one check. */
export interface Check {
  name: string
  state: 'ok' | 'warn' | 'fail'
  detail: string
}
