"""The way of a job.

1. A system's rule calls `order` in its own unit of work: the job's row, its steps and its places in line
   (`job_locks`, one for each resource that it needs) are written together with the change of state.
2. After the commit, a job that is first in line on all of its resources is handed to RQ. One that waits is
   handed over by whoever finishes before it; what a crash kept back, by `sweep`.
3. An RQ worker forks a process for the job. It claims the row: queued becomes running, the attempt is
   counted, a lease begins, and the resources are entered into `job_holds`, whose primary key admits one
   holder.
4. The runner carries out the steps of the job's `Kind`. One transaction marks a step succeeded, stores what
   it hands on, and marks the next one running. Everything it writes is fenced by the attempt.
5. A keeper thread renews the lease, writes log and progress, and notices a cancellation, a lost lease, a step
   that takes too long; the step's processes are stopped by `ctx.signal`.
6. A step that fails, or a cancellation, undoes what was done, last step first.
7. The final state, the system's own effects and the release of the resources are one transaction.
8. A worker that dies stops renewing: the sweeper queues its job again, still holding its resources; the next
   attempt undoes the step that was cut off and repeats it if it may be repeated, else undoes all and fails.
"""
