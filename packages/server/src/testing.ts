export { databaseForTests } from './testing/global_setup.ts'
export type { TestReply, TestRequest } from './testing/http_client.ts'
export { sweep } from './testing/sweeps/sweep.ts'
export { startTestApp, type TestApp, type TestTenant, type TestUser } from './testing/test_app.ts'
