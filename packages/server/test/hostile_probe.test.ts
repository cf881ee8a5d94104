import { afterAll, beforeAll, test } from 'vitest'
import { app } from '../../../starter/src/app.ts'
import { startTestApp, type TestApp } from '../src/testing.ts'
import { sendRaw, rawRequest } from './raw_socket.ts'
let api: TestApp
beforeAll(async () => { api = await startTestApp(app, { CORS_ORIGINS: 'https://ui.example', LOG_LEVEL: 'info' }) })
afterAll(() => api.close())
test('probe', async () => {
  const t = await api.makeTenant()
  const u = await t.makeUser({ roles: ['admin_tenant'] })
  const H = `Host: ${t.host}`
  const A = `Authorization: Bearer ${u.accessToken}`
  const show = async (label: string, bytes: string | Buffer, n = 1) => {
    const p = sendRaw(api.port, bytes, n)
    const r = await Promise.race([p, new Promise<string>((ok) => setTimeout(() => ok('TIMEOUT'), 1500))])
    if (typeof r === 'string') console.log(label, r)
    else console.log(label, r.map((it) => `${it.status} ${it.headers['content-type']} id=${it.headers['x-request-id'] !== undefined} ${it.headers['allow'] ?? ''} ${it.text.slice(0, 350)}`))
  }
  const json = (path: string, body: string | Buffer, method = 'POST', type = 'application/json') => Buffer.concat([Buffer.from(rawRequest(`${method} ${path} HTTP/1.1`, H, A, `content-type: ${type}`, `content-length: ${Buffer.byteLength(body)}`)), Buffer.from(body)])
  await show('options', rawRequest(`OPTIONS /api/projects HTTP/1.1`, H))
  for (const body of ['{"name":"a","name":"b"}', '{"name":"a","\\u006eame":"b"}', '{"__proto__":{}, "name":"x"}', '{"constructor":{"prototype":{"x":1}}, "name":"x"}', '{"name":"a\\u0000"}', '{"name":"\\ud800"}', '{"name":"\u0000"}', '{"name":9007199254740993}', '{"name":-0}', '{"name":1e400}', '{"name":"x","description":"' + 'a'.repeat(250000) + '"}', '['.repeat(100000), '{"a":'.repeat(40) + '1' + '}'.repeat(40), Buffer.from([0x7b, 0x22, 0x6e, 0xff, 0x22, 0x7d]), Buffer.from('\ufeff{"name":"bom"}'), '', ' ', 'null', '[]', '"x"', '1', 'true', '{"name":"a"}}', '{"name":"a"} {"name":"b"}', "{'name':'a'}", '{"name":"a",}', '{/**/"name":"a"}', '{"name":NaN}', '{"name":"tab\there"}', '{"name":{"toString":"x"}}', '{"name":["a"]}', '{"name":"' + '\u202e' + 'x"}', '{"name":"   "}', '{"name":"ok","tenant_id":"x"}', '{"name":"ok","id":"x"}', '{"name":"ok","hasOwnProperty":1}'])
    await show('body ' + String(body).slice(0, 50), json('/api/projects', body))
  await show('empty patch', json(`/api/projects/${u.id}`, '{}', 'PATCH'))
  await show('del w/ body', json(`/api/projects/${u.id}`, '{}', 'DELETE'))
  await show('del w/ text', json(`/api/projects/${u.id}`, '{}', 'DELETE', 'text/plain'))
  for (const q of ['limit=0', 'limit=101', 'limit=1e1', 'limit=0x10', 'limit=-0', 'limit=1e400', 'limit=9007199254740993', 'limit=', 'limit=1&limit=2', 'limit=%00', 'limit=1%00', 'limit=%20 5', 'cursor=', 'cursor=x', 'cursor=%00', 'cursor=' + 'a'.repeat(2000), '__proto__=1', 'constructor=1', '__proto__[x]=1', 'x=%ff', '%ff=1', 'limit[]=1', 'a=1&a=2', 'limit=5;limit=6', '%00=1', 'limit=١', 'x=%ED%A0%80', '&&&', '=', '?', 'limit=2.5', 'limit=+5', 'limit=true','limit=null','limit=[]', 'tenant_id=x'])
    await show('query ' + q.slice(0, 40), rawRequest(`GET /api/projects?${q.replaceAll(' ', '%20').replaceAll('١', '%D9%A1')} HTTP/1.1`, H, A))
  for (const f of ['username=a&username=b&password=c', 'username=a%00&password=c', 'username=%ff&password=c', '__proto__=x&username=a&password=b', 'constructor=1&username=a&password=b', 'username[]=a&password=b', 'grant_type=client_credentials&username=a&password=b', '', 'username=a', Buffer.from([0x75, 0xff, 0x3d, 0xff]), 'username=%ED%A0%80&password=%ED%A0%80', 'username=' + 'a'.repeat(321) + '&password=b', 'a&'.repeat(130000)])
    await show('form ' + String(f).slice(0, 50), json('/api/auth/token', f, 'POST', 'application/x-www-form-urlencoded'))
  // client aborts mid body
  const { connect } = await import('node:net')
  const s = connect(api.port, '127.0.0.1', () => { s.write(rawRequest(`POST /api/projects HTTP/1.1`, H, A, 'content-type: application/json', 'content-length: 100') + '{"na'); setTimeout(() => s.destroy(), 200) })
  await new Promise((ok) => setTimeout(ok, 600))
  console.log(api.logLines.slice(-2))
  const s2 = connect(api.port, '127.0.0.1', () => { s2.end(rawRequest(`POST /api/projects HTTP/1.1`, H, A, 'content-type: application/json', 'content-length: 100') + '{"na') })
  s2.on('data', (d) => console.log('half close', d.toString()))
  await new Promise((ok) => setTimeout(ok, 600))
  console.log(api.logLines.slice(-2))
}, 60000)
