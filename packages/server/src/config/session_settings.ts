import { integer, oneOf, type Setting } from './parsers.ts'

/** The settings of accounts, tokens and sessions. */
export const sessionSettings = {
  IDENTITY_SCOPE: {
    fallback: 'global',
    meaning:
      '`global`: a person is one account, in all of their tenants; `tenant`: each tenant has accounts of its own. Stored in the database at its set-up, and fixed from its first tenant on (docs/sign-in.md)',
    parse: oneOf('global', 'tenant'),
  },
  JWT_ALGORITHM: {
    fallback: 'HS256',
    meaning: '`HS256`, `HS384` or `HS512`',
    parse: oneOf('HS256', 'HS384', 'HS512'),
  },
  ACCESS_TOKEN_EXPIRE_MINUTES: {
    fallback: '15',
    meaning: 'lifetime of an access token, in minutes',
    parse: integer(1, 60),
  },
  REFRESH_TOKEN_EXPIRE_DAYS: {
    fallback: '14',
    meaning: 'lifetime of a refresh token, in days; a session that is unused for so long ends',
    parse: integer(1, 365),
  },
  SESSION_MAX_DAYS: {
    fallback: '90',
    meaning: 'lifetime of a session, in days, even if it is in use',
    parse: integer(1, 3650),
  },
  SESSION_COOKIE: {
    fallback: 'on',
    meaning: '`off` turns off sign-in with a cookie, which the hosted pages need',
    parse: oneOf('on', 'off'),
  },
  SESSION_IDLE_DAYS: {
    meaning:
      'how long a browser session that is unused stays signed in, in days. Default: REFRESH_TOKEN_EXPIRE_DAYS',
    parse: integer(1, 365),
  },
  REFRESH_REUSE_GRACE_SECONDS: {
    fallback: '10',
    meaning: 'how long a retry with a refresh token that was just used gets the same reply',
    parse: integer(0, 60),
  },
  PASSWORD_RESET_EXPIRE_MINUTES: {
    fallback: '30',
    meaning: 'lifetime of a reset link, in minutes',
    parse: integer(5, 60),
  },
  EMAIL_VERIFICATION: {
    fallback: 'optional',
    meaning:
      '`required`: a person whose address is not verified signs in with a code that is mailed; `optional`: they can verify it; `off`: they are not asked to',
    parse: oneOf('off', 'optional', 'required'),
  },
  EMAIL_CODE_MINUTES: {
    fallback: '15',
    meaning: 'lifetime of such a code, in minutes',
    parse: integer(5, 60),
  },
  NEW_DEVICE_MAIL: {
    fallback: 'on',
    meaning: '`off` sends no mail when a person signs in from a device that is new to the account',
    parse: oneOf('on', 'off'),
  },
  EMAIL_LINK_EXPIRE_MINUTES: {
    fallback: '60',
    meaning: 'lifetime of a link that proves an e-mail address, in minutes',
    parse: integer(5, 1440),
  },
  ACCOUNT_DELETE_DAYS: {
    fallback: '14',
    meaning:
      'days until a person who deleted their account is erased; before that, `tenantry user enable` restores it',
    parse: integer(1, 90),
  },
  INVITATION_EXPIRE_DAYS: {
    fallback: '7',
    meaning: 'lifetime of an invitation, in days',
    parse: integer(1, 60),
  },
  INVITATION_MAILS_PER_HOUR: {
    fallback: '200',
    meaning: 'mails with invitations that one tenant may send in an hour',
    parse: integer(1, 1_000_000),
  },
} satisfies Record<string, Setting<unknown>>
