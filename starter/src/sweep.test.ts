import { sweep } from 'tenantry/testing'
import { app } from './app.ts'

// Every route and table of this app, the kernel's and its own: a new one enters by itself.
sweep(app, { records: new URL('../records/', import.meta.url) })
