import { parseArgs } from 'node:util'
import { kindOf, runCommand, surroundings, type Surroundings } from './command.ts'
import { createClient, type CarrelClient } from './demo/client.ts'
import { nothingIsLeft } from './demo/leftovers.ts'
import { goThrough } from './demo/door.ts'
import { servePortal } from './demo/portal.ts'
import { follow, stopAndWait } from './demo/session.ts'
import type { Embedded } from './embedded.ts'
import { resolvesDoors } from './path-doors.ts'
import { exitCodes, runStack } from './run-stack.ts'

const help = `npm run demo [-- options]

Brings up the whole of Carrel on this machine, starts a notebook session through the API like any client would,
shows every event as it arrives, goes through its door and prints the address that opens it, waits for Ctrl-C, then
stops the session and counts what is left: nothing.

  --once                     do not wait for Ctrl-C
  --desktop                  start a desktop instead of a notebook (Docker alone; its images take minutes on first use)
  --provider docker|process  run the session there; default: Docker where a daemon answers
  --path-doors               doors are paths of one host, for browsers that know no names below localhost (Safari): for trying out
                             alone, as all sessions are one origin then. Needs JupyterLab
  --fresh                    forget all data and keys of earlier runs first
  --verbose                  show what the processes log, too
  --help

Data and keys are kept in .carrel/; how to reach the stack stands in .carrel/stack.json while it runs.
Exit code 0: all went well and nothing is left. 1: something failed, and the last line says what.
3: a stack runs here already.
`

async function demo(): Promise<number> {
  const { values } = parseArgs({
    options: {
      once: { type: 'boolean', default: false },
      desktop: { type: 'boolean', default: false },
      'path-doors': { type: 'boolean', default: false },
      provider: { type: 'string' },
      fresh: { type: 'boolean', default: false },
      verbose: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    process.stdout.write(help)
    return exitCodes.fine
  }
  const around = surroundings()
  const show = values.verbose ? { show: around.progress.print } : {}
  const options = {
    ...around,
    fresh: values.fresh,
    provider: kindOf(values.provider),
    desktop: values.desktop,
    pathDoors: values['path-doors'],
    ...show,
  }
  if (values.desktop && values['path-doors'])
    throw new Error('A desktop needs a host name: --desktop does not go with --path-doors')
  return runStack(options, (stack, asked) => present(stack, asked, around, values.once))
}

async function present(stack: Embedded, asked: AbortSignal, around: Surroundings, once: boolean): Promise<number> {
  const { progress } = around
  const client = createClient({ apiUrl: stack.apiUrl, token: stack.userToken })
  await endEarlierSessions(client, around)
  const sessionId = await progress.step('session', async (say) => {
    const project = await client.createProject('Demo')
    const { name } = stack.offer.desktop ?? stack.offer.template
    const template = await client.findTemplate(name)
    const { id } = await client.createSession({ templateId: template.id, projectId: project.id, name: `Demo ${name}` })
    say(id)
    return id
  })
  const followed = follow(client, sessionId, progress)
  const interrupted = whenAborted(asked)
  let failure: unknown
  try {
    const opened = openDoor(client, followed, stack, around)
    const done = opened.then(async (close) => {
      if (!once) await interrupted
      await close()
    })
    await Promise.race([done, interrupted, ended(followed.ended)])
  } catch (error) {
    failure = error
    progress.line(`FAILED: ${error instanceof Error ? error.message : String(error)}`)
  }
  try {
    const state = await stopAndWait(client, followed)
    progress.line(`session: has ended (${state})`)
  } finally {
    followed.close()
  }
  const clean = await nothingIsLeft(stack, [sessionId], progress)
  progress.line(clean ? 'nothing is left' : 'FAILED: something is left')
  return failure === undefined && clean ? exitCodes.fine : exitCodes.failed
}

/** Goes through the session's door, and offers the way to whoever watches. Returns how to take that offer back. */
async function openDoor(
  client: CarrelClient,
  followed: ReturnType<typeof follow>,
  stack: Embedded,
  { progress, places, isCi }: Surroundings,
): Promise<() => Promise<void>> {
  await followed.ready
  const { name, spec } = stack.offer.desktop ?? stack.offer.template
  const [door = ''] = Object.keys(spec.doors)
  const connect = async () => (await client.connect(followed.id, door)).url
  await progress.step(`the door of the ${name}`, async () => await goThrough(await connect()))
  const byName = new URL(await connect()).hostname.endsWith('.localhost')
  const portal = await servePortal(name, connect, byName)
  progress.print('')
  // Whoever has the address opens the session.
  progress.print(`  open this door ${isCi ? new URL(portal.url).origin : portal.url}`)
  progress.print(`  API reference  ${stack.apiUrl}/docs`)
  progress.print(`  Temporal UI    ${stack.temporalUiUrl}`)
  progress.print(`  tokens         ${places.stateFile}`)
  progress.print('')
  if (byName && !(await resolvesDoors())) progress.print(`${unresolved}\n`)
  progress.line(`the ${name} answers; Ctrl-C ends it`)
  return portal.close
}

const unresolved = `  This machine does not resolve names below localhost, where doors are. Chromium, Chrome, Edge and Firefox do so by themselves.
  For any other browser: npm run demo -- --path-doors`

/** A demo that was killed may have left its session running. */
async function endEarlierSessions(client: CarrelClient, { progress }: Surroundings): Promise<void> {
  const earlier = await client.liveSessions()
  if (earlier.length === 0) return
  await progress.step(`ending ${earlier.length} earlier session(s)`, async () => {
    for (const { id } of earlier) {
      const followed = follow(client, id, progress)
      await stopAndWait(client, followed).finally(() => followed.close())
    }
  })
}

const whenAborted = (signal: AbortSignal) =>
  new Promise<void>((resolve) => {
    if (signal.aborted) resolve()
    signal.addEventListener('abort', () => resolve(), { once: true })
  })

async function ended(end: Promise<{ state: string; reason: string | null }>): Promise<never> {
  const { state, reason } = await end
  throw new Error(`the session ended by itself: ${state} (${reason ?? 'no reason'})`)
}

await runCommand(demo)
