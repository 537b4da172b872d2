import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readConfig } from '../../platform/config.ts'
import { gatherAuthorities } from '../../stack/notebook/authorities.ts'
import { root } from '../rules/imports.ts'
import { call } from './call.ts'
import { buildTemporal } from './temporal-source.ts'

type Say = (line: string) => void
const minute = 60_000

const docker = async (args: readonly string[], timeoutMs = minute) => await call('docker', args, { timeoutMs })
const isThere = async (image: string) =>
  await docker(['image', 'inspect', '--format', '{{.Id}}', image]).then(
    () => true,
    () => false,
  )

/** Builds Carrel's image from this repository, as an operator does, and with what else this machine was told to trust. */
export async function buildCarrel(image: string, say: Say): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'carrel-image-'))
  try {
    const ignored = await readFile(join(root, '.dockerignore'), 'utf8')
    const wanted = [...ignored.matchAll(/^!(.+)$/gm)].flatMap(([, name]) => (name === undefined ? [] : [name]))
    const there = async (name: string) => await cp(join(root, name), join(directory, name), { recursive: true })
    for (const name of wanted) if (name !== 'extra-ca.pem') await there(name)
    for (const name of ['Dockerfile', '.dockerignore']) await there(name)
    const authorities = await gatherAuthorities(readConfig(['tools']).tools.extraCaFiles, directory)
    await writeFile(join(directory, 'extra-ca.pem'), authorities === null ? '' : await readFile(authorities))
    say(`building ${image}`)
    await docker(['build', '--network', 'host', '--tag', image, directory], 30 * minute)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

const standInFrom =
  (directory: string) =>
  async (_image: string, own: string): Promise<void> => {
    const context = join(root, 'test/production/stand-ins', directory)
    await docker(['build', '--network', 'host', '--tag', own, context], 20 * minute)
  }

const standIns: Readonly<Record<string, (image: string, own: string, say: Say) => Promise<void>>> = {
  postgres: standInFrom('postgres'),
  'guacamole/guacd': standInFrom('guacd'),
  'temporalio/server': standInForTemporal,
  'temporalio/admin-tools': standInForTemporal,
}

/** Both images of Temporal's have the same stand-in, of the version that is asked for. */
async function standInForTemporal(image: string, own: string, say: Say): Promise<void> {
  const version = image.split(':')[1] ?? ''
  const known = trialName(`temporal:${version}`)
  if (!(await isThere(known))) await buildStandInForTemporal(version, known, say)
  await docker(['tag', known, own])
}

async function buildStandInForTemporal(version: string, own: string, say: Say): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'carrel-temporal-'))
  try {
    await buildTemporal(version, directory, say)
    await cp(join(root, 'test/production/stand-ins/temporal/Dockerfile'), join(directory, 'Dockerfile'))
    await docker(['build', '--network', 'host', '--tag', own, directory], 10 * minute)
  } finally {
    await rm(directory, { recursive: true, force: true, maxRetries: 3 })
  }
}

/** What a trial calls its own builds: nothing of it is ever taken for the real thing. */
export const trialName = (image: string): string => `carrel-trial/${image}`

/**
 * Sees to it that the images are on this machine: pulled, or where no registry answers, stood in for by builds of the same
 * programs under a name of the trial's. Returns what to take for each; `null` where there is nothing.
 */
export async function provideImages(images: readonly string[], say: Say): Promise<Map<string, string | null>> {
  const found = new Map<string, string | null>()
  for (const image of images) found.set(image, await provide(image, say))
  return found
}

async function provide(image: string, say: Say): Promise<string | null> {
  const own = trialName(image)
  if (await isThere(image)) return image
  if (await isThere(own)) return own
  const pulled = await docker(['pull', '--quiet', image], 10 * minute).then(
    () => true,
    () => false,
  )
  if (pulled) return image
  const standIn = standIns[image.split(':')[0] ?? '']
  if (standIn === undefined) {
    say(`NOT RUN: ${image}, which no registry gives and nothing stands in for`)
    return null
  }
  say(`no registry gives ${image}: a stand-in is built`)
  await standIn(image, own, say)
  return own
}
