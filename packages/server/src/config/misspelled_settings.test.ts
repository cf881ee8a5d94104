import { expect, test } from 'vitest'
import { misspelledSettings } from './misspelled_settings.ts'

test.each(['DB_POL_MAX', 'DB_POOOL_MAX', 'DB_POOL_MIX', 'DB_POLO_MAX', 'db_pool_max'])(
  '%s is found to be DB_POOL_MAX mistyped',
  (name) => {
    expect(misspelledSettings({ [name]: '5', DB_POOL_MAX: '5' })).toEqual([
      `${name} is no setting: write DB_POOL_MAX if that is meant`,
    ])
  },
)

test.each(['PATH', 'HOSTS', 'POST', 'DB_URI', 'NODE_OPTIONS', 'DB_POOL', 'DB_LOOP_MAXI'])(
  '%s is left to whoever reads it',
  (name) => {
    expect(misspelledSettings({ [name]: 'x' })).toEqual([])
  },
)
