import { createHash } from 'node:crypto'
import { chmodSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { InstanceRef } from '../provider.ts'

/** Where everything of a provider lies below its state directory. */
export function createPlaces(stateDirectory: string) {
  const instances = join(stateDirectory, 'instances')
  const locks = join(stateDirectory, 'locks')
  return {
    stateDirectory,
    instances,
    /** Instances being made: renamed into `instances` when complete, so that no half of one is ever seen there. */
    staging: join(stateDirectory, 'staging'),
    /** Instances being deleted: renamed out of `instances` first. */
    trash: join(stateDirectory, 'trash'),
    locks,
    lockOf: (key: string) => join(locks, key),
    allocationLock: join(locks, 'allocation'),
    instance: (key: string) => placesOf(join(instances, key)),
    /** What the environment of every process of the instance carries; tells providers with other directories apart. */
    markOf: (key: string) => hash(`${stateDirectory}\0${key}`, 32),
  }
}
export type Places = ReturnType<typeof createPlaces>

/** Makes the directories. The instances' users pass through them, and list nothing. */
export function makePlaces({ stateDirectory, instances, staging, trash, locks }: Places): void {
  mkdirSync(stateDirectory, { recursive: true, mode: 0o711 })
  mkdirSync(instances, { recursive: true })
  chmodSync(instances, 0o711) // whatever the umask
  for (const path of [staging, trash, locks]) mkdirSync(path, { recursive: true, mode: 0o700 })
}

/** The files of one instance, below its directory. */
export const placesOf = (directory: string) => ({
  directory,
  record: join(directory, 'instance.json'),
  home: join(directory, 'home'),
  temporary: join(directory, 'tmp'),
  secret: join(directory, 'secret'),
  launch: join(directory, 'launch'),
  started: join(directory, 'started'),
  exit: join(directory, 'exit'),
  /** Oldest first. */
  logs: [join(directory, 'log.older'), join(directory, 'log.old'), join(directory, 'log')],
})
export type InstancePlaces = ReturnType<typeof placesOf>

/** Names are file names here: the pattern keeps them inside the directory. */
export const namePattern = /^[a-z0-9][a-z0-9-]{0,99}$/
export const keyPattern = /^[a-z0-9][a-z0-9-]{0,99}\.[0-9a-f]{12}$/

/** What an instance's directory is called: two deployments may use one name. Throws if the name is no file name. */
export function keyOf({ name, deploymentId }: InstanceRef): string {
  if (!namePattern.test(name))
    throw new Error('An instance name has lower-case letters, digits and dashes, at most 100.')
  return `${name}.${hash(deploymentId, 12)}`
}

const hash = (text: string, length: number): string => createHash('sha256').update(text).digest('hex').slice(0, length)
