// A worker of a test, to be killed: opens the provider, and does with the instance what each line of its input says.
import { createInterface } from 'node:readline'
import { createProcessProvider } from '../../ports/compute/process/provider.ts'
import { processSettings } from '../../ports/compute/process/settings.ts'
import type { InstanceSpec } from '../../ports/compute/provider.ts'

const settings = processSettings.parse(JSON.parse(process.argv[2] ?? ''))
const provider = createProcessProvider(settings, { networks: ['127.0.0.0/8'] })
const call = { signal: new AbortController().signal }
console.log('ready')

for await (const line of createInterface({ input: process.stdin })) {
  // Our own test wrote the line.
  const { deed, spec } = JSON.parse(line) as { deed: 'create' | 'inspect' | 'remove'; spec: InstanceSpec }
  const answer = deed === 'create' ? provider.create(spec, call) : provider[deed](spec, call)
  console.log(JSON.stringify(await answer))
}
