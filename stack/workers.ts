import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { coreQueue } from '../domain/ids.ts'
import { ConfigInvalid, readConfig } from '../platform/config.ts'
import { makeCurrent, routingOf } from '../platform/temporal/builds.ts'
import type { Build } from '../platform/temporal/builds.ts'
import { connectTemporal } from '../platform/temporal/connection.ts'

const help = `npm run workers -- status
npm run workers -- promote [<build>]
npm run workers -- unversioned

status       says to which workers Temporal gives workflows.
promote      gives them to this build (default: CARREL_WORKER_BUILD_ID), sessions on their way included. Its workers must
             run; waits up to a minute until Temporal has seen them.
unversioned  gives them to workers without a version.

  CARREL_WORKER_DEPLOYMENT  default: carrel
  CARREL_TEMPORAL_ADDRESS   host:port
  CARREL_TEMPORAL_NAMESPACE default: carrel

Exit code 0: done. 1: it failed, or Temporal has not seen workers of this build. 2: it was called wrongly.
`

const seenWithinMs = 60_000
const askEveryMs = 500

async function main(): Promise<number> {
  const wish = readWish(process.argv.slice(2))
  if (wish === null) return wrong('say status, promote or unversioned')
  if (wish.command === 'help') return said(help)
  const { temporal, worker } = readConfig(['temporal', 'worker'])
  const buildId = wish.build ?? worker.version?.buildId
  if (wish.command === 'promote' && buildId === undefined)
    return wrong('say which build, or set CARREL_WORKER_BUILD_ID')
  const connection = await connectTemporal(temporal)
  try {
    const service = connection.workflowService
    const { namespace } = temporal
    if (wish.command !== 'status') {
      const wanted = wish.command === 'promote' ? (buildId ?? null) : null
      const deadline = Date.now() + seenWithinMs
      while ((await makeCurrent(service, namespace, worker.deployment, wanted)) === 'not_seen') {
        if (Date.now() > deadline) {
          console.error(
            `Temporal has not seen workers of the build ${wanted} of ${worker.deployment}; nothing was changed.`,
          )
          return 1
        }
        await delay(askEveryMs)
      }
    }
    const { current, ramping } = await routingOf(service, namespace, coreQueue)
    return said(
      `Workflows go to ${nameOf(current)}${ramping === null ? '' : `, a part of them to ${nameOf(ramping)}`}.\n`,
    )
  } finally {
    await connection.close()
  }
}

const nameOf = (build: Build | null): string =>
  build === null ? 'workers without a version' : `the build ${build.buildId} of ${build.deploymentName}`

type Command = 'status' | 'promote' | 'unversioned' | 'help'
interface Wish {
  readonly command: Command
  readonly build: string | undefined
}

/** Null: nobody knows what is meant. */
function readWish(words: readonly string[]): Wish | null {
  if (words.includes('--help')) return { command: 'help', build: undefined }
  const { positionals } = parseArgs({ args: [...words], allowPositionals: true, strict: false })
  const [command, build, ...rest] = positionals
  if (command !== 'status' && command !== 'promote' && command !== 'unversioned') return null
  if (rest.length > 0 || (build !== undefined && command !== 'promote')) return null
  return { command, build }
}

function said(text: string): number {
  process.stdout.write(text)
  return 0
}

function wrong(text: string): number {
  console.error(`${text}; npm run workers -- --help says more`)
  return 2
}

main().then(
  (code) => {
    process.exitCode = code
  },
  (error: unknown) => {
    console.error(error instanceof ConfigInvalid ? error.message : error)
    process.exitCode = 1
  },
)
