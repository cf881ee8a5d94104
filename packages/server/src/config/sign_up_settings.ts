import { baseDomain, httpUrl, integer, linkUrl, oneOf, type Setting, text } from './parsers.ts'

/** The settings of sign-up, and of its host. */
export const signUpSettings = {
  APP_HOST: {
    meaning:
      'host of what belongs to no tenant, such as sign-up. Default: the first of BASE_DOMAINS; `app.localhost` in development',
    parse: baseDomain,
  },
  SIGN_UP: {
    meaning:
      '`on` lets people create tenants at APP_HOST. Default: off in production, otherwise on',
    parse: oneOf('on', 'off'),
  },
  SIGN_UP_PER_HOUR: {
    fallback: '200',
    meaning:
      'mails of sign-ups in an hour; above it each network (/24, IPv6: /48) gets one, up to ten times as many',
    parse: integer(1, 1_000_000),
  },
  SIGN_UP_LIMIT_ADDRESS: {
    tuning: true,
    fallback: '5',
    meaning:
      'sign-ups in an hour from one IP address (IPv6: per /64); its network gets four times as many',
    parse: integer(1, 1_000_000),
  },
  SIGN_UP_EXPIRE_MINUTES: {
    tuning: true,
    fallback: '60',
    meaning: 'how long a sign-up waits for its confirmation, in minutes',
    parse: integer(5, 1440),
  },
  SIGN_UP_URL: {
    fallback: '{origin}/auth/sign-up#id={id}&token={token}',
    meaning: 'link that confirms a sign-up; `{origin}` is that of APP_HOST',
    parse: linkUrl('{origin}/auth/sign-up#id={id}&token={token}'),
  },
  TERMS_URL: {
    meaning: 'page with the terms that a person has to accept to sign up. Default: none',
    parse: httpUrl('https://example.com/terms'),
  },
  TERMS_VERSION: {
    meaning: 'what the audit log of a new tenant names the accepted terms. Default: TERMS_URL',
    parse: text,
  },
} satisfies Record<string, Setting<unknown>>
