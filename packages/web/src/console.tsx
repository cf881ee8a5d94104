import { startConsole } from './start.tsx'

// The console of an app without pages of its own.
void startConsole()
