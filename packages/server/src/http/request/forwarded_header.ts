import { invalidHost } from './invalid_host.ts'

/** One element of `Forwarded`: what a proxy says about the request that it received. */
export interface ForwardedHop {
  for?: string
  host?: string
  proto?: string
}

// Zero or one parameter, and the delimiter after it. A value is a token or a quoted string, in which
// commas and semicolons delimit nothing. Unquoted colons and brackets are no tokens, but proxies send them.
const PARAMETER =
  /[ \t]*(?:([!#$%&'*+.^_`|~\w-]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s",;]*))[ \t]*)?(,|;|$)/y

/**
 * Parses one `Forwarded` line (RFC 7239, 4), the hop nearest to the client first. Throws 400 for a line
 * without that form: a client could open a quoted string that swallows what the next proxy adds.
 */
export function parseForwarded(line: string): ForwardedHop[] {
  const hops: ForwardedHop[] = []
  let hop: ForwardedHop | undefined
  PARAMETER.lastIndex = 0
  for (let delimiter: string | undefined; delimiter !== ''; ) {
    const match = PARAMETER.exec(line)
    if (match === null) throw invalidHost()
    const [, name, quoted, plain = ''] = match
    if (name !== undefined) {
      hop ??= {}
      add(hop, name.toLowerCase(), unescaped(quoted) ?? plain)
    }
    delimiter = match[4]
    if (delimiter === ';' || hop === undefined) continue
    hops.push(hop)
    hop = undefined
  }
  return hops
}

// Each parameter at most once in an element.
function add(hop: ForwardedHop, name: string, value: string): void {
  if (name !== 'for' && name !== 'host' && name !== 'proto') return
  if (hop[name] !== undefined) throw invalidHost()
  hop[name] = value
}

function unescaped(quoted: string | undefined): string | undefined {
  return quoted?.replaceAll(/\\(.)/g, '$1')
}
