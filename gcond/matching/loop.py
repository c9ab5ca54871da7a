r"""The loop of the field, written once.

.. math:: \min_\phi \; E_\theta \sum_k w_k \,
          D\big(\Psi(\theta; T_k), \Psi(\theta; \mathrm{decode}_\phi(k))\big) + R(\phi)
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import replace

import torch

from gcond.matching.batch import Batch
from gcond.matching.derivative import Gradients, derivatives
from gcond.matching.distributed import current
from gcond.matching.mixture import Mixed
from gcond.matching.optimizer import Optimizer, optimizer_of
from gcond.matching.randomness import Draw, generator_for
from gcond.matching.run import (
    Moment,
    NonFiniteError,
    Observer,
    Plan,
    Progress,
    leaves_of,
    restore,
    state_of,
)
from gcond.matching.signal import Targets
from gcond.matching.task import SyntheticSet, Task
from gcond.matching.unrolled import bound


def match(
    task: Task,
    synthetic: SyntheticSet,
    plan: Plan,
    *,
    seed: int,
    progress: Progress | None = None,
    observers: Sequence[Observer] = (),
) -> Progress:
    """Learns ``synthetic`` by matching it to ``task``; returns the run with its chosen state.

    Args:
        task: The real side.
        synthetic: What is learned; changed in place, and left at the last step.
        plan: The method.
        seed: Everything random derives from it.
        progress: A snapshot of a run to continue.
        observers: Called at the start and after every epoch.

    Raises:
        NonFiniteError: The objective is not finite; the error carries the last good state.
        LostRankError: Another process of the run is gone.
    """
    team = current()
    task, plan = team.of(task), replace(plan, stream=team.along(plan.stream))
    observers = observers if team.leads else ()
    run = copy.deepcopy(progress) if progress else Progress()
    if run.epoch and not run.state:
        raise ValueError(
            f"the run to continue is at epoch {run.epoch} but carries no state; take it with "
            "Moment.snapshot()"
        )
    if run.state:
        restore(synthetic, run.state)
    team.agree(leaves_of(synthetic))
    optimizers = _optimizers(synthetic, plan, run)
    moment = Moment(run, synthetic, plan, optimizers)
    signal, units = Mixed(plan.signal.of(plan.model)), plan.signal.units(plan.model)
    distance = bound(plan.distance, plan.model)
    targets = Targets(signal)
    parts = list(synthetic.parts)
    outer_steps = plan.schedule.outer_steps

    def draw(step: int) -> Draw:
        return Draw(seed, step, plan.schedule.steps)

    if run.epoch == 0:
        _keep(task, synthetic, plan, run)
        _notify(observers, moment)
    moving: tuple[str, ...] | None = None
    for epoch in range(run.epoch, plan.schedule.epochs):
        theta = plan.stream.draw(plan.model, epoch, seed)
        learner = plan.advance.start(plan.model, theta, generator_for(seed, "inner", epoch))
        _set_steps(optimizers, synthetic, plan, epoch)
        turn = plan.turns.moving(epoch, parts)
        if turn != moving:
            moving, batch = turn, _turn(synthetic, turn, draw(epoch * outer_steps))
        draws = generator_for(seed, "real", team.number(epoch))
        for outer in range(outer_steps):
            real, view = task.real(draws).at(epoch, outer), plan.augmentation.draw(draws)
            member = plan.stream.member(epoch) if outer == 0 else None
            target, seen = targets.of(theta, view(real), member), view(batch.at(epoch, outer))
            signature, pullback = signal.trace(theta, seen)
            loss, cotangent = distance(signature, target, units, seen.groups.importance)
            penalty = synthetic.penalty(batch)
            extra = 0.0 if penalty is None else float(penalty.detach())
            run.losses.append(team.mean_of(float(loss) + extra))
            _check(run, synthetic, run.losses[-1], epoch, outer)
            if moving:
                found = derivatives(synthetic, batch, seen, pullback(cotangent), penalty, moving)
                gradients = team.mean(found)
                _check(run, synthetic, gradients, epoch, outer)
                _step(synthetic, gradients, moving, optimizers)
                batch = synthetic.decode(draw(epoch * outer_steps + outer + 1))
            if outer + 1 < outer_steps:
                theta = learner.step(batch, real, plan.schedule.inner_steps)
        run.epoch = epoch + 1
        _keep(task, synthetic, plan, run)
        _notify(observers, moment)
    run.best_state = run.best_state or state_of(synthetic)
    return moment.snapshot()


def _turn(synthetic: SyntheticSet, moving: Sequence[str], draw: Draw) -> Batch:
    """Decodes the set so that only the parts whose turn it is are differentiated."""
    for name, leaves in synthetic.parts.items():
        for leaf in leaves:
            leaf.requires_grad_(name in moving)
    return synthetic.decode(draw)


def _step(
    synthetic: SyntheticSet,
    gradients: Gradients,
    moving: Sequence[str],
    optimizers: dict[str, Optimizer],
) -> None:
    """One optimiser step of each part whose turn it is."""
    leaves = [leaf for name in moving for leaf in synthetic.parts[name]]
    for leaf, gradient in zip(leaves, gradients, strict=True):
        leaf.grad = gradient  # left to look at until the next step
    for name in moving:
        optimizers[name].step([leaf.grad for leaf in synthetic.parts[name]])


def _optimizers(synthetic: SyntheticSet, plan: Plan, run: Progress) -> dict[str, Optimizer]:
    steps = plan.steps
    made = {
        name: optimizer_of(leaves, steps[name].lr, steps[name].momentum)
        for name, leaves in synthetic.parts.items()
    }
    for name, saved in run.optimizers.items():
        made[name].restore(saved)
    return made


def _set_steps(
    optimizers: dict[str, Optimizer], synthetic: SyntheticSet, plan: Plan, epoch: int
) -> None:
    """Step sizes as a function of the epoch, so that a resumed run takes the same ones."""
    for name, optimizer in optimizers.items():
        optimizer.lr = plan.steps[name].at(epoch, plan.schedule.epochs, synthetic.scales[name])


def _keep(task: Task, synthetic: SyntheticSet, plan: Plan, run: Progress) -> None:
    """Scores the set where the selection asks for it and remembers the state it prefers."""
    step = run.epoch * plan.schedule.outer_steps
    due = plan.selection.due(run.epoch, plan.schedule.epochs)
    score = task.score(synthetic) if due else None
    if score is not None:
        run.scores[step] = score
        if not plan.selection.better(score, run.best):
            return
        run.best = score
    elif run.best is not None:
        return
    run.best_step = step
    # The last step is kept anyway by a run that is not scored; it is copied once, at its end.
    run.best_state = state_of(synthetic) if score is not None else {}


def _notify(observers: Sequence[Observer], moment: Moment) -> None:
    for observer in observers:
        observer(moment)


def _check(
    run: Progress, synthetic: SyntheticSet, found: float | Gradients, epoch: int, outer: int
) -> None:
    """Stops a run before a step that would spoil its state."""
    if isinstance(found, float):
        what, total = "matching loss", found
    else:
        # A sum is finite only if all its terms are: one small tensor tells for all of them.
        sums = [t.sum() for t in found if t is not None]
        what = "derivative of the matching loss"
        total = sum(torch.stack(sums).tolist()) if sums else 0.0
    if math.isfinite(total):
        return
    run.losses = [loss for loss in run.losses if math.isfinite(loss)]
    if not run.best_state:
        run.best_step, run.best_state = len(run.losses) - 1, state_of(synthetic)
    raise NonFiniteError(
        f"the {what} is not finite in epoch {epoch}, outer step {outer}; lower the step size of "
        f"the features or of the structure. The state of step {run.best_step} is kept",
        run,
    )
