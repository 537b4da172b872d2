import { isGrpcServiceError } from '@temporalio/client'
import type { WorkflowClient } from '@temporalio/client'
import proto from '@temporalio/proto'

type WorkflowService = WorkflowClient['workflowService']

/** A build of the workers, as Temporal's worker versioning names it. */
export interface Build {
  readonly deploymentName: string
  readonly buildId: string
}

/** Whom Temporal gives the workflows of a queue: a build, or `null`, which is every worker without a version. */
export interface Routing {
  readonly current: Build | null
  /** A build that is given a part of them; `null`: there is none. */
  readonly ramping: Build | null
}

const queueOfWorkflows = proto.temporal.api.enums.v1.TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW
/** NOT_FOUND and FAILED_PRECONDITION of gRPC. */
const notSeen: readonly number[] = [5, 9]

/** Asks Temporal. Throws where it does not answer. */
export async function routingOf(service: WorkflowService, namespace: string, taskQueue: string): Promise<Routing> {
  const { versioningInfo: info } = await service.describeTaskQueue({
    namespace,
    taskQueue: { name: taskQueue },
    taskQueueType: queueOfWorkflows,
  })
  const ramps = (info?.rampingVersionPercentage ?? 0) > 0
  return {
    current: buildOf(info?.currentDeploymentVersion),
    ramping: ramps ? buildOf(info?.rampingDeploymentVersion) : null,
  }
}

const buildOf = (version: Partial<Record<keyof Build, string | null>> | null | undefined): Build | null =>
  version?.buildId ? { deploymentName: version.deploymentName ?? '', buildId: version.buildId } : null

/**
 * Gives the workflows of a deployment to one of its builds, or with `null` to workers without a version; those on their way
 * move with their next task. `not_seen`: no worker of this build has asked for tasks yet, and nothing was changed.
 */
export async function makeCurrent(
  service: WorkflowService,
  namespace: string,
  deploymentName: string,
  buildId: string | null,
): Promise<'current' | 'not_seen'> {
  try {
    await service.setWorkerDeploymentCurrentVersion({ namespace, deploymentName, buildId: buildId ?? '' })
    return 'current'
  } catch (error) {
    if (isGrpcServiceError(error) && notSeen.includes(error.code)) return 'not_seen'
    throw error
  }
}
