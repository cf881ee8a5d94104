import type { Passwords } from '../../access/passwords.ts'
import type { Tokens } from '../../access/tokens.ts'
import type { Refusals } from '../../audit/rejections.ts'
import type { Config } from '../../config/config.ts'
import type { Doors } from '../../db/tenancy.ts'
import type { Background } from '../../jobs/background.ts'
import type { Throttle } from '../../limits/attempt_limiter.ts'

/** What signing in and refreshing need. */
export interface SignInDeps {
  background: Background
  config: Config
  doors: Doors
  passwords: Passwords
  refusals: Refusals
  throttle: Throttle
  tokens: Tokens
}
