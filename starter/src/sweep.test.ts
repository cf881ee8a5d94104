import { sweep } from 'tenantry/testing'
import { app } from './app.ts'

// Tests every route and table of the app and of the kernel, including those you add later.
sweep(app, { records: new URL('../records/', import.meta.url) })
