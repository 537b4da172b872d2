import type Docker from 'dockerode'

/** Containers, networks and volumes with the deployment's label, whoever made them. */
export async function dockerLeftovers(docker: Docker, deploymentId: string): Promise<string[]> {
  const filters = { label: [`carrel.deployment=${deploymentId}`] }
  const containers = await docker.listContainers({ all: true, filters })
  const networks = await docker.listNetworks({ filters })
  const { Volumes } = await docker.listVolumes({ filters })
  return [
    ...containers.map((container) => `container ${container.Names.join(' ')}`),
    ...networks.map((network) => `network ${network.Name}`),
    ...Volumes.map((volume) => `volume ${volume.Name}`),
  ]
}
