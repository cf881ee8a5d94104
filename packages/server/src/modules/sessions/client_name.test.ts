import { expect, test } from 'vitest'
import { clientName } from './client_name.ts'

const mozilla = (rest: string) => `Mozilla/5.0 ${rest}`

test.each([
  [
    mozilla('(Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0'),
    'Firefox on Windows',
  ],
  [
    mozilla(
      '(X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0 Safari/537.36',
    ),
    'Chrome on Linux',
  ],
  [
    mozilla('(Windows NT 10.0) AppleWebKit/537.36 Chrome/156.0 Safari/537.36 Edg/156.0'),
    'Edge on Windows',
  ],
  [
    mozilla(
      '(Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/19.0 Safari/605.1.15',
    ),
    'Safari on macOS',
  ],
  [
    mozilla(
      '(iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1 Mobile CriOS/156 Safari/604',
    ),
    'Chrome on iPhone',
  ],
  [
    mozilla('(Linux; Android 16; Pixel 9) AppleWebKit/537.36 Chrome/156.0 Mobile Safari/537.36'),
    'Chrome on Android',
  ],
  ['curl/8.14.1', 'curl'],
  ['<img src=x> Windows', 'Windows'],
  ['my script', ''],
  ['', ''],
])('%s is named %s', (userAgent, name) => {
  expect(clientName(userAgent)).toBe(name)
})
