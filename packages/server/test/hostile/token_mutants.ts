import { createHmac, generateKeyPairSync } from 'node:crypto'
import { keyRing, type Purpose } from '../../src/lib/keys.ts'

type Json = Record<string, unknown>

/** A valid token in parts, and the secret it was signed with. */
export interface Genuine {
  header: Json
  payload: Json
  signature: string
  secret: string
}

export function encode(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return Buffer.from(text).toString('base64url')
}

export function takeApart(token: string, secret: string): Genuine {
  const [header = '', payload = '', signature = ''] = token.split('.')
  const decode = (part: string): Json => JSON.parse(Buffer.from(part, 'base64url').toString())
  return { header: decode(header), payload: decode(payload), signature, secret }
}

/** A token with this header and payload, signed with the server's key for access tokens or another. */
export function sign(
  { header, payload, secret }: Pick<Genuine, 'header' | 'secret'> & { payload: unknown },
  key: Buffer | string = keyRing(secret).current.key('access'),
  hash = 'sha256',
): string {
  const input = `${encode(header)}.${encode(payload)}`
  return `${input}.${createHmac(hash, key).update(input).digest('base64url')}`
}

type Mutant = (genuine: Genuine) => string

const publicKey = String(
  generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({
    type: 'spki',
    format: 'pem',
  }),
)
const attacker = 'the key of an attacker'
const own = { jwk: { kty: 'oct', k: encode(attacker), alg: 'HS256' } }

function header(changes: Json, key?: string, hash?: string): Mutant {
  return (it) => sign({ ...it, header: { ...it.header, ...changes } }, key, hash)
}

function key(of: (genuine: Genuine) => Buffer | string): Mutant {
  return (it) => sign(it, of(it))
}

function payload(text: string): Mutant {
  return (it) => sign({ ...it, payload: text })
}

function unsigned(alg: string, ending = '.'): Mutant {
  return (it) => `${encode({ ...it.header, alg })}.${encode(it.payload)}${ending}`
}

/** Tokens made from a valid one that must all be rejected, by their fault (JWT-1). */
export const mutants: Record<string, Mutant> = {
  'alg none, unsigned': unsigned('none'),
  'alg None': unsigned('None'),
  'alg nOnE with a zero byte': unsigned('nOnE\0'),
  'alg none, two parts': unsigned('none', ''),
  'alg HS256, unsigned': unsigned('HS256'),
  'alg none, signed': header({ alg: 'none' }),
  'no alg': header({ alg: undefined }),
  'alg empty': header({ alg: '' }),
  'alg null': header({ alg: null }),
  'alg a list': header({ alg: ['HS256'] }),
  'alg in another case': header({ alg: 'hs256' }),
  'alg unknown': header({ alg: 'HS1' }),
  'alg HS384 with the right key': header({ alg: 'HS384' }, undefined, 'sha384'),
  'alg HS512 with the right key': header({ alg: 'HS512' }, undefined, 'sha512'),
  'alg RS256': header({ alg: 'RS256' }),
  'alg ES256': header({ alg: 'ES256' }),
  'alg dir': header({ alg: 'dir', enc: 'A256GCM' }),
  'HS256 with a public key': key(() => publicKey),
  'an empty key': key(() => ''),
  'a zero key': key(() => Buffer.alloc(32)),
  'the secret itself': key(({ secret }) => secret),
  'the secret decoded': key(({ secret }) => Buffer.from(secret, 'base64')),
  'the kid as key': key((it) => String(it.header['kid'])),
  ...Object.fromEntries(
    (['refresh', 'successor', 'cursor', 'attempt'] satisfies Purpose[]).map((purpose) => [
      `the key for ${purpose}`,
      key(({ secret }) => keyRing(secret).current.key(purpose)),
    ]),
  ),
  'a jwk in the header': header(own, attacker),
  'a jku in the header': header({ jku: 'https://evil.test/keys' }, attacker),
  'an x5u in the header': header({ x5u: 'https://evil.test/cert' }, attacker),
  'an x5c in the header': header({ x5c: [encode(publicKey)] }, publicKey),
  'crit with an unknown name': header({ crit: ['exp'], exp: 1 }),
  'crit empty': header({ crit: [] }),
  'b64 false': header({ b64: false, crit: ['b64'] }),
  zip: header({ zip: 'DEF', crit: ['zip'] }),
  'no kid': header({ kid: undefined }),
  'kid unknown': header({ kid: 'AAAAAAAA' }),
  'kid as a path': header({ kid: '../../../../dev/null' }, ''),
  'kid with SQL': header({ kid: "' union select 'x' --" }, 'x'),
  'kid inherited': header({ kid: 'constructor' }),
  'kid a list': (it) => header({ kid: [it.header['kid']] })(it),
  'kid an object': header({ kid: {} }),
  'no typ': header({ typ: undefined }),
  'typ JWT': header({ typ: 'JWT' }),
  'typ of a refresh token': header({ typ: 'rt+jwt' }),
  'a payload that is null': payload('null'),
  'a payload that is a list': payload('[{}]'),
  'a payload that is text': payload('"x"'),
  'a payload that is not JSON': payload('{'),
  'an empty payload': payload(''),
  'a payload with __proto__ only': (it) =>
    payload(`{"__proto__":${JSON.stringify(it.payload)}}`)(it),
  'a payload that was changed': (it) => {
    const [head, , signature] = sign(it).split('.')
    return `${head}.${encode({ ...it.payload, sub: it.payload['tid'] })}.${signature}`
  },
  'nested in itself': (it) => header({ cty: 'JWT' })({ ...it, payload: { jwt: sign(it) } }),
}
