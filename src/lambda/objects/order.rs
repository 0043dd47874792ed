//! Groups jobs that must run in order.

use std::collections::HashMap;

use super::Job;

/// Numbers the jobs from 1 and groups them into queues. Jobs of the same group share a queue; every other job
/// has its own.
pub(super) fn in_queues(jobs: Vec<Job>) -> Vec<Vec<(usize, Job)>> {
    let mut queues: Vec<Vec<(usize, Job)>> = Vec::new();
    let mut groups: HashMap<String, usize> = HashMap::new();
    for (number, job) in (1..).zip(jobs) {
        let new = queues.len();
        let queue = job.group.as_ref().map_or(new, |group| *groups.entry(group.clone()).or_insert(new));
        if queue == new {
            queues.push(Vec::new());
        }
        if let Some(queue) = queues.get_mut(queue) {
            queue.push((number, job));
        }
    }
    queues
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_of_one_group_stand_in_one_queue() {
        let job = |id: &str, group: Option<&str>| Job {
            id: id.into(),
            group: group.map(str::to_owned),
            notices: Ok(Vec::new()),
        };
        let jobs = vec![
            job("a", Some("x")),
            job("b", None),
            job("c", Some("y")),
            job("d", Some("x")),
            job("e", None),
        ];
        let queues: Vec<String> = in_queues(jobs)
            .into_iter()
            .map(|queue| queue.into_iter().map(|(number, job)| format!("{number}{}", job.id)).collect())
            .collect();
        assert_eq!(queues, ["1a4d", "2b", "3c", "5e"]);
    }
}
