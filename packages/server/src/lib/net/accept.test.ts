import { describe, expect, test } from 'vitest'
import { prefersHtml, qualityOf } from './accept.ts'

describe('qualityOf', () => {
  test.each<[header: string, expected: number | undefined]>([
    ['gzip, deflate, br, zstd', 1],
    ['gzip;q=1.0, br ; Q=0.5', 0.5],
    ['br;q=0, gzip', 0],
    ['*;q=0.3', 0.3],
    ['*, br;q=0', 0],
    ['br;q=many', 0],
    ['br;q=7', 1],
    ['gzip', undefined],
    ['', undefined],
    ['brotli, xbr, br-2', undefined],
    ['BR', 1],
  ])('of br in "%s" is %s', (header, expected) => {
    expect(qualityOf(header, 'br', '*')).toBe(expected)
  })
})

describe('prefersHtml', () => {
  const browsers = [
    'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8',
    'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8',
    'application/json;q=0.5, text/*',
    'TEXT/HTML',
  ]
  test.each(browsers)('is true for %s', (accept) => expect(prefersHtml(accept)).toBe(true))

  const clients = [
    undefined,
    '',
    '*/*',
    'application/json',
    'application/json, text/plain, */*',
    'application/json, text/html',
    'text/html;q=0',
    'text/html;q=0.1, application/json',
  ]
  test.each(clients)('is false for %s', (accept) => expect(prefersHtml(accept)).toBe(false))
})
