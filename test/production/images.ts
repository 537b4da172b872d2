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

const standIns: Readonly<Record<string, (image: string, say: Say) => Promise<void>>> = {
  postgres: async (image) =>
    void (await docker(
      ['build', '--network', 'host', '--tag', image, join(root, 'test/production/stand-ins/postgres')],
      20 * minute,
    )),
  'temporalio/server': async (image, say) => await standInForTemporal(image, say),
  'temporalio/admin-tools': async (image, say) => await standInForTemporal(image, say),
}

/** Both images of Temporal's have the same stand-in, of the version that is asked for. */
async function standInForTemporal(image: string, say: Say): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'carrel-temporal-'))
  try {
    await buildTemporal(image.split(':')[1] ?? '', directory, say)
    await cp(join(root, 'test/production/stand-ins/temporal/Dockerfile'), join(directory, 'Dockerfile'))
    await docker(['build', '--network', 'host', '--tag', image, directory], 10 * minute)
  } finally {
    await rm(directory, { recursive: true, force: true, maxRetries: 3 })
  }
}

/**
 * Sees to it that the images are on this machine: pulled, or where no registry answers, stood in for by builds of the same
 * programs. Returns those that are neither.
 */
export async function provideImages(images: readonly string[], say: Say): Promise<string[]> {
  const absent: string[] = []
  for (const image of images) {
    if (await isThere(image)) continue
    const pulled = await docker(['pull', '--quiet', image], 10 * minute).then(
      () => true,
      () => false,
    )
    if (pulled) {
      say(`pulled ${image}`)
      continue
    }
    const standIn = standIns[image.split(':')[0] ?? '']
    if (standIn === undefined) {
      absent.push(image)
      continue
    }
    say(`no registry gives ${image}: a stand-in is built`)
    await standIn(image, say)
  }
  return absent
}
