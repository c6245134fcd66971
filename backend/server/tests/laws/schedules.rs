//! Several owners of a generated log, moved in any order, with crashes at any row.

use proptest::prelude::*;

use super::generated::{config, history, sizes};
use super::owners::{From, Owner, Partition, expected};

/// What happens next to one of the owners.
#[derive(Clone, Copy, Debug)]
enum Turn {
    /// It goes on by so many rows and reads.
    Goes(usize),
    /// It crashes, and another one begins where the store says.
    Crashes,
    /// It crashes, and another one begins where the log began.
    CrashesAndBeginsAnew,
}

fn turn() -> impl Strategy<Value = Turn> {
    prop_oneof![
        16 => (1usize..30).prop_map(Turn::Goes),
        2 => Just(Turn::Crashes),
        1 => Just(Turn::CrashesAndBeginsAnew),
    ]
}

proptest! {
    #![proptest_config(config(96))]

    #[test]
    fn owners_in_any_order_leave_the_rows_and_answers_of_one(
        log in history(24),
        sizes in prop::array::uniform3(sizes()),
        turns in prop::collection::vec((0usize..3, turn()), 0..60),
    ) {
        let expected = expected(&log);
        let mut partition = Partition::new(&log);
        let begin = |partition: &Partition, owner: usize, from| -> Owner {
            partition.owner(from, partition.end(), &sizes[owner])
        };
        let mut owners = [0, 1, 2].map(|owner| begin(&partition, owner, From::Stored));
        for (owner, turn) in turns {
            match turn {
                Turn::Goes(steps) => {
                    for _ in 0..steps {
                        owners[owner].step();
                        partition.read();
                    }
                }
                Turn::Crashes => owners[owner] = begin(&partition, owner, From::Stored),
                Turn::CrashesAndBeginsAnew => {
                    owners[owner] = begin(&partition, owner, From::Beginning);
                }
            }
        }
        owners.iter_mut().for_each(Owner::finish);
        partition.done(&expected);
    }
}
