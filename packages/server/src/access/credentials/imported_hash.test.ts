import { expect, test } from 'vitest'
import { hashCheckOf, MAX_COST } from './imported_hash.ts'

// Those of Django's tests, of passlib's and Spring Security's documents, and of libxcrypt and Python's hashlib.
const BCRYPT = '$2y$05$abcdefghijklmnopqrstuu2c1e4vZoCxDVRU9N6VCSSmNg4cQa1Ve'
const ARGON2 =
  '$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc'

test.each([
  [
    'Django PBKDF2',
    'lètmein',
    'pbkdf2_sha256$390000$seasalt$8xBlGd3jVgvJ+92hWPxi5ww0uuAuAnKgC45eudxro7c=',
  ],
  ['Django PBKDF2 (SHA-1)', 'lètmein', 'pbkdf2_sha1$1000$seasalt$ljleU4wBmTtz/MoG5YTwxpM0d7I='],
  [
    'Django bcrypt_sha256',
    'x'.repeat(100),
    'bcrypt_sha256$$2b$05$abcdefghijklmnopqrstuu6KchawGWtOenbxP9toGotT8GgP7Q7be',
  ],
  ['Django bcrypt', 'lètmein', `bcrypt$${BCRYPT}`],
  ['Django argon2', 'password', `argon2${ARGON2}`],
  [
    'passlib PBKDF2',
    'password',
    '$pbkdf2-sha256$6400$.6UI/S.nXIk8jcbdHx3Fhg$98jZicV16ODfEsEZeYPGHU3kbrUrvUEXOPimVSQDD44',
  ],
  [
    'passlib PBKDF2 (SHA-1)',
    'lètmein',
    '$pbkdf2$1000$MDEyMzQ1Njc4OWFiY2RlZg$fAVyzQNNkMB93BxqSKITIbIy1MI',
  ],
  [
    'passlib PBKDF2 (SHA-512)',
    'lètmein',
    '$pbkdf2-sha512$1000$MDEyMzQ1Njc4OWFiY2RlZg$ybJHpGrJWhs4LImjx0GRtSdR5xilwB3BnBveZB7Hc.0a5LUJEHbU53wtKP1vGk3Cf3S9Qk64owinPovOEXjxSw',
  ],
  [
    'passlib bcrypt-sha256, v1',
    'password',
    '$bcrypt-sha256$2a,12$LrmaIX5x4TRtAwEfwJZa1.$2ehnw6LvuIUTM0iz4iz9hTxv21B6KFO',
  ],
  [
    'passlib bcrypt-sha256, v2',
    'password',
    '$bcrypt-sha256$v=2,t=2b,r=12$n79VH.0Q2TMWmt3Oqt9uku$Kq4Noyk3094Y2QlB8NdRT8SvGiI4ft2',
  ],
  [
    'Spring Security bcrypt',
    'password',
    '{bcrypt}$2a$10$dXJ3SW6G7P50lGmMkkmwe.20cQQubK3.HZWzG3YB1tlRy.fqvM/BG',
  ],
  ['Spring Security argon2', 'password', `{argon2@SpringSecurity_v5_8}${ARGON2}`],
  ['Dovecot bcrypt', 'lètmein', `{BLF-CRYPT}${BCRYPT}`],
  ['Dovecot crypt(3)', 'lètmein', `{CRYPT}${BCRYPT}`],
  ['Dovecot argon2', 'password', `{ARGON2ID}${ARGON2}`],
  ['bcrypt', 'lètmein', BCRYPT],
  ['argon2', 'password', ARGON2],
])('%s is verified', async (_, password, stored) => {
  const check = hashCheckOf(stored)
  expect(await check?.(password)).toBe(true)
  expect(await check?.(`y${password}`)).toBe(false)
})

test.each([
  [
    'a scheme that is not supported',
    '$scrypt$ln=16,r=8,p=1$aM15713r3Xsvxbi31lqr1Q$nFNh2CVHVjNldFVKDHD',
  ],
  ['a password in plain text', '{noop}password'],
  ['the prefix alone', '{bcrypt}password'],
  ['a fast hash', '$1$abc$xyz'],
  ["Django's marker for no password", '!uZ3qxLvG'],
  ['nothing', ''],
  ['a key of no bytes', 'pbkdf2_sha256$1000$seasalt$'],
  ['a short key', '$pbkdf2-sha256$1000$MDEy$MDEyMzQ1Njc4OWFiY2RlZjAxMjM'],
  ['no iteration', 'pbkdf2_sha256$0$seasalt$8xBlGd3jVgvJ+92hWPxi5ww0uuAuAnKgC45eudxro7c='],
  [
    'too many iterations',
    `pbkdf2_sha256$${MAX_COST.iterations + 1}$seasalt$8xBlGd3jVgvJ+92hWPxi5ww0uuAuAnKgC45eudxro7c=`,
  ],
  ['too much memory', ARGON2.replace('m=65536', `m=${MAX_COST.memory + 1}`)],
  ['too many passes', ARGON2.replace('t=2', 't=17')],
  ['too many lanes', ARGON2.replace('p=1', `p=${MAX_COST.parallelism + 1}`)],
  ['less memory than argon2 accepts', ARGON2.replace('m=65536', 'm=7')],
  ['too high a cost', BCRYPT.replace('$05$', `$${MAX_COST.bcrypt + 1}$`)],
  ['too low a cost', BCRYPT.replace('$05$', '$03$')],
  ['a prefix twice', `{bcrypt}{bcrypt}${BCRYPT}`],
])('%s is not', (_, stored) => {
  expect(hashCheckOf(stored)).toBeUndefined()
})
