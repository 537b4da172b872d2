import { existsSync } from 'node:fs'
import { readConfig } from '../../platform/config.ts'
import { dockerAnswers } from '../../stack/docker.ts'

export const standNames = ['docker', 'kubernetes', 'openstack', 'slurm'] as const
export type StandName = (typeof standNames)[number]

type Environment = Readonly<Record<string, string | undefined>>

/** Why nothing can be run on this backend: what the configuration lacks. `null`: it points to one. */
export async function lackOf(name: StandName, env: Environment = process.env): Promise<string | null> {
  switch (name) {
    case 'docker': {
      const docker = await dockerAnswers(readConfig(['tools'], env).tools.docker)
      return docker.answers ? null : `no daemon answers: ${docker.why}`
    }
    case 'kubernetes':
      return fileLack('KUBECONFIG', env)
    case 'openstack':
      return fileLack('OS_CLIENT_CONFIG_FILE', env) ?? valueLack('OS_CLOUD', env)
    case 'slurm':
      return valueLack('CARREL_STAND_SLURM_URL', env) ?? fileLack('CARREL_STAND_SLURM_KEY_FILE', env)
    default:
      return name satisfies never
  }
}

const valueLack = (variable: string, env: Environment): string | null =>
  (env[variable] ?? '') === '' ? `${variable} is not set` : null

function fileLack(variable: string, env: Environment): string | null {
  const lack = valueLack(variable, env)
  if (lack !== null) return lack
  return existsSync(env[variable] ?? '') ? null : `${variable} names a file that is not there`
}
