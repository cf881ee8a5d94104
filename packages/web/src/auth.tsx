import { startAuth } from './auth/start_auth.tsx'

// The sign-in pages of an app that does not change them.
void startAuth()
