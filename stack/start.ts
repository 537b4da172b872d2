import { parseArgs } from 'node:util'
import { kindOf, runCommand, surroundings } from './command.ts'
import { exitCodes, runStack } from './run-stack.ts'

const help = `npm start [-- options]

Brings up the whole of Carrel on this machine, in the foreground: PostgreSQL, Temporal with its UI, api, worker and gateway.
Ctrl-C stops it. Data and keys are kept in .carrel/; how to reach it stands in .carrel/stack.json while it runs.

  --provider docker|process  run sessions there; default: Docker where a daemon answers
  --desktop                  offer a desktop, too (Docker alone; its images take minutes on first use)
  --fresh                    forget all data and keys first
  --verbose                  show what the processes log, too
  --help

Variables: CARREL_API_PORT, CARREL_TEMPORAL_UI_PORT (default: free ones), TEMPORAL_CLI_PATH, DOCKER_HOST.
Exit code 0: stopped. 1: something failed. 3: a stack runs here already.
`

async function start(): Promise<number> {
  const { values } = parseArgs({
    options: {
      provider: { type: 'string' },
      desktop: { type: 'boolean', default: false },
      fresh: { type: 'boolean', default: false },
      verbose: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    process.stdout.write(help)
    return exitCodes.fine
  }
  const { places, progress } = surroundings()
  const show = values.verbose ? { show: progress.print } : {}
  const { fresh, desktop } = values
  const options = { places, progress, fresh, desktop, provider: kindOf(values.provider), ...show }
  return runStack(options, async (stack, asked) => {
    progress.print('')
    progress.print(`  API           ${stack.apiUrl}`)
    progress.print(`  API reference ${stack.apiUrl}/docs`)
    progress.print(`  Temporal UI   ${stack.temporalUiUrl}`)
    progress.print(`  tokens        ${places.stateFile}`)
    progress.print('')
    progress.line('up; Ctrl-C stops it')
    await new Promise<void>((resolve) => {
      if (asked.aborted) resolve()
      asked.addEventListener('abort', () => resolve(), { once: true })
    })
    return exitCodes.fine
  })
}

await runCommand(start)
