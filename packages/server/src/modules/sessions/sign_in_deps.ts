import type { Passwords } from '../../access/passwords.ts'
import type { Tokens } from '../../access/tokens.ts'
import type { Rejections } from '../../audit/rejections.ts'
import type { Config } from '../../config/config.ts'
import type { Database } from '../../db/tenancy.ts'
import type { Background } from '../../jobs/background.ts'
import type { JobSignal } from '../../jobs/enqueue.ts'
import type { KeyRing } from '../../lib/keys.ts'
import type { AttemptLimiter } from '../../limits/attempt_limiter.ts'

/** What sign-in and refresh need. */
export interface SignInDeps {
  background: Background
  config: Config
  database: Database
  passwords: Passwords
  rejections: Rejections
  attemptLimiter: AttemptLimiter
  tokens: Tokens
  jobs: JobSignal
  keys: KeyRing
}
