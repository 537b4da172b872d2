import { chooseNotebook } from '../../stack/notebook/choose.ts'
import { createProcessProvider } from '../../ports/compute/process/provider.ts'
import { processSettings } from '../../ports/compute/process/settings.ts'
import { freshKey, call, refOf, eventually } from '../conformance/compute-harness.ts'
import { specOf } from './process-harness.ts'
let t = Date.now()
const dir = process.argv[2]!
const bwrap = (process.argv[3] ?? 'auto') as 'auto'
const mem = Number(process.argv[4] ?? 2048)
const choice = await chooseNotebook({
  docker: false,
  directory: dir,
  path: process.env.PATH ?? '',
  environment: process.env,
  extraCaFiles: ['/etc/ssl/certs/ca-certificates.crt'],
  signal: new AbortController().signal,
  onLine: (l) => console.log(' ', l),
})
console.log('choice', JSON.stringify(choice), Date.now() - t, 'ms')
if (choice.kind !== 'process') process.exit(1)
const p = createProcessProvider(
  processSettings.parse({ stateDirectory: choice.stateDirectory, images: choice.images, bwrap }),
  { networks: ['127.0.0.1/32'] },
)
const key = freshKey('d')
t = Date.now()
const spec = { ...specOf(key, 'notebook'), ports: [8888] }
console.log(await p.create({ ...spec, resources: { ...spec.resources, memoryMib: mem } }, call()), Date.now() - t, 'ms')
const url = async (path: string) => {
  const s = await p.inspect(refOf(key), call())
  if (s.kind !== 'running') {
    console.log(s)
    return null
  }
  try {
    const r = await fetch(`http://127.0.0.1:${s.endpoints[0]!.hostPort}${path}`)
    return r.status
  } catch {
    return null
  }
}
try {
  await eventually(
    () => url('/api'),
    (s) => s === 200,
    30000,
  )
  console.log('up after', Date.now() - t, 'ms')
  for (const path of [
    '/api/status',
    '/api/status?token=wrong',
    '/api/status?token=sesame',
    '/lab?token=sesame',
    '/?token=sesame',
  ])
    console.log(path, await url(path))
} catch (e) {
  console.log(String(e))
}
console.log(await p.logs!(refOf(key), 30, call()))
t = Date.now()
console.log(await p.remove(refOf(key), call()), Date.now() - t, 'ms')
