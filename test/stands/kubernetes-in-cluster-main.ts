import { writeFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { createKubernetesProvider } from '../../ports/compute/kubernetes/provider.ts'
import { kubernetesSettings } from '../../ports/compute/kubernetes/settings.ts'
import type { InClusterAsk, InClusterSaid } from './kubernetes-in-cluster.ts'

// As a worker in a Pod: it is told nothing of where the cluster is and who it is there. Without vitest: it is a process of its own.
const ask = JSON.parse(process.argv[2] ?? '') as InClusterAsk // our own test wrote it
const { spec, tokens, tokenFile, networks } = ask
const provider = createKubernetesProvider(kubernetesSettings.parse(ask.settings), { networks })
const ref = { name: spec.name, deploymentId: spec.deploymentId }
const call = () => ({ signal: AbortSignal.timeout(60_000) })
const kindOf = async (asked: Promise<{ readonly kind: string }>) => (await asked).kind
const inspected = async () => await kindOf(provider.inspect(ref, call()))

/** What it says as soon as that is wanted, or after a minute. */
async function until(wanted: string, look: () => Promise<string>): Promise<string> {
  const deadline = Date.now() + 60_000
  for (;;) {
    const said = await look()
    if (said === wanted || Date.now() > deadline) return said
    await delay(200)
  }
}

const created = await kindOf(provider.create(spec, call()))
const running = await until('running', inspected)
const listed: string[] = []
for await (const one of provider.list(spec.deploymentId, call())) listed.push(one.ref.name)
await writeFile(tokenFile, tokens.other)
const withOtherToken = await inspected()
await writeFile(tokenFile, tokens.good)
const renewed = await inspected()
const removed = await until('removed', async () => await kindOf(provider.remove(ref, call())))
await provider.close()

const said: InClusterSaid = { created, running, listed, withOtherToken, renewed, removed }
process.stdout.write(JSON.stringify(said))
