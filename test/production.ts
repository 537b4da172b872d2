import { parseArgs } from 'node:util'
import { createProgress } from '../stack/progress.ts'
import { runCommand } from '../stack/command.ts'
import { createDumps } from './production/dumps.ts'
import { buildCarrel, provideImages, trialName } from './production/images.ts'
import { install, tryInstallation } from './production/install.ts'
import { tryRestores } from './production/restore.ts'
import { tryRotation } from './production/rotation.ts'
import { createInstallation } from './production/site.ts'

const help = `npm run production

Proves the installation that docker-compose.yaml describes: builds the image, brings everything up under a name of its
own, starts a session through it and stops it, looks how the processes are confined and who reaches whom, takes both
databases away and brings them back in every combination, and changes the key while sessions run. Leaves nothing.
Needs Docker and compose; where no registry answers, also Go, and a quarter of an hour more.

  --keep    leaves the installation running at the end and says how to reach it
  --image   takes the image as it was built before
  --only    install, keys or restores; install comes first in any case

Exit code 0: nothing was found. 1: something was, and it is named.
`

const progress = createProgress({ output: process.stdout, live: false })
const say = progress.print

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      help: { type: 'boolean' },
      keep: { type: 'boolean' },
      image: { type: 'boolean' },
      only: { type: 'string' },
    },
  })
  if (values.help === true) {
    process.stdout.write(help)
    return 0
  }
  const installation = await createInstallation(say)
  const breaches: string[] = []
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => void installation.remove().finally(() => process.exit(130)))
  try {
    const taken = new Map<string, string>()
    const images = await installation.images()
    for (const image of images.filter((one) => one.startsWith('carrel:'))) {
      taken.set(image, trialName(image))
      if (values.image !== true) await buildCarrel(trialName(image), say)
    }
    const provided = await provideImages(
      images.filter((image) => !taken.has(image)),
      say,
    )
    const absent = images.filter((image) => provided.get(image) === null)
    for (const [image, found] of provided) if (found !== null) taken.set(image, found)
    await installation.replaceImages(taken)
    const admin = await install(installation, absent, say)
    const parts = {
      install: async () => await tryInstallation(installation, admin, say),
      keys: async () => await tryRotation(installation, admin, absent, say),
      restores: async () => await tryRestores({ installation, admin, dumps: createDumps(installation, absent), say }),
    }
    for (const [name, part] of Object.entries(parts)) {
      if (values.only !== undefined && values.only !== name) continue
      const began = Date.now()
      breaches.push(...(await part()))
      say(`${name}: ${((Date.now() - began) / 1_000).toFixed(0)} s`)
    }
  } finally {
    if (values.keep === true)
      say(`kept: ${installation.apiUrl}, project ${installation.project}, ${installation.directory}`)
    else await installation.remove()
  }
  for (const breach of breaches) say(`BREACH: ${breach}`)
  say(`${breaches.length} breaches`)
  return breaches.length === 0 ? 0 : 1
}

await runCommand(main)
