import { expect, test } from 'vitest'
import { misspelledSettings } from './misspelled_settings.ts'

test.each(['DB_POL_MAX', 'DB_POOOL_MAX', 'DB_POOL_MIX', 'DB_POLO_MAX', 'db_pool_max'])(
  '%s is reported as a misspelled DB_POOL_MAX',
  (name) => {
    expect(misspelledSettings({ [name]: '5', DB_POOL_MAX: '5' })).toEqual([
      `${name} is not a setting: did you mean DB_POOL_MAX?`,
    ])
  },
)

test.each(['PATH', 'HOSTS', 'POST', 'DB_URI', 'NODE_OPTIONS', 'DB_POOL', 'DB_LOOP_MAXI'])(
  '%s is not reported',
  (name) => {
    expect(misspelledSettings({ [name]: 'x' })).toEqual([])
  },
)
