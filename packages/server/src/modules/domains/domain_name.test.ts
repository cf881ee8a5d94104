import { describe, expect, test } from 'vitest'
import { domainFault, domainName } from './domain_name.ts'

const config = {
  BASE_DOMAINS: ['app.test', 'eu.app.test'],
  PUBLIC_ORIGIN: 'https://{tenant}.app.test',
  APP_HOST: 'go.example.net',
  DOMAIN_TARGET: 'edge.example.net',
}

describe('the canonical form of a domain', () => {
  test.each([
    ['Shop.Example.COM', 'shop.example.com'],
    ['shop.example.com.', 'shop.example.com'],
    ['bücher.example', 'xn--bcher-kva.example'],
    ['xn--bcher-kva.example', 'xn--bcher-kva.example'],
    ['例え.テスト', 'xn--r8jz45g.xn--zckzah'],
  ])('%s is %s', (given, canonical) => {
    expect(domainName(given)).toBe(canonical)
  })

  test.each([
    ...['', '.', 'a..b', '-a.example', 'a_b.example', '*.example.com', 'a b.example'],
    ...['http://a.example', 'a.example/x', 'a.example:80', 'user@a.example', 'a.example#x'],
    ...['exa%6dple.com', '[::1]', '::1', 'xn--.example', 'xn--a.example', 'ab--c.example'],
    ...[
      `${'a'.repeat(64)}.example`,
      `${'a.'.repeat(122)}example`,
      'a.example\0',
      'a\u202e.example',
    ],
  ])('%j has none', (given) => {
    expect(domainName(given)).toBeUndefined()
  })
})

describe('a tenant cannot have', () => {
  test.each([
    ['192.0.2.1', 'IP address'],
    ['2130706433', 'IP address'],
    ['a.0x7f', 'IP address'],
    ['localhost', 'not a whole domain name'],
    ['com', 'not a whole domain name'],
    ['co.uk', 'public suffix'],
    ['github.io', 'public suffix'],
    ['app.test', 'belongs to this service'],
    ['acme.app.test', 'belongs to this service'],
    ['go.example.net', 'belongs to this service'],
    ['edge.example.net', 'belongs to this service'],
    ['a.b.eu.app.test', 'belongs to this service'],
  ])('%s', (name, fault) => {
    expect(domainFault(name, config)).toContain(fault)
  })

  test.each(['acme.com', 'shop.acme.co.uk', 'acme.github.io', 'shop.acme.test', 'aapp.test'])(
    'but can have %s',
    (name) => {
      expect(domainFault(name, config)).toBeUndefined()
    },
  )
})
