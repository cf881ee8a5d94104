import type { Background } from '../../background.ts'
import type { Config } from '../../config.ts'
import type { Doors } from '../../db/tenancy.ts'
import type { Refusals } from '../../http/refusals.ts'
import type { Throttle } from '../../http/throttle.ts'
import type { Passwords } from '../../passwords.ts'
import type { Tokens } from '../../tokens.ts'

/** What the ways into a tenant need: they run before anybody is signed in. */
export interface AuthDeps {
  background: Background
  config: Config
  doors: Doors
  passwords: Passwords
  refusals: Refusals
  throttle: Throttle
  tokens: Tokens
}
