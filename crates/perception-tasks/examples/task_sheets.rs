//! Writes one contact sheet per task, as `experiments render --tasks` does.
//!
//! ```sh
//! cargo run -p perception-tasks --example task_sheets -- sheets [TASK...]
//! ```

use std::error::Error;
use std::path::PathBuf;

use perception_tasks::{Task, TaskConfig, TaskKind, contact_sheet};
use text_images::{Fonts, Split};

const SEED: u64 = 1;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let dir = PathBuf::from(arguments.next().ok_or("give a folder to write to")?);
    let mut kinds: Vec<TaskKind> = arguments
        .map(|name| name.parse())
        .collect::<Result<_, _>>()?;
    if kinds.is_empty() {
        kinds.extend(TaskKind::ALL);
    }
    std::fs::create_dir_all(&dir)?;
    let fonts = Fonts::embedded();
    for kind in kinds {
        let task = Task::new(TaskConfig::new(kind, Split::Test, SEED), &fonts)?;
        let path = dir.join(format!("{kind}.png"));
        contact_sheet(&task).save(&path)?;
        println!("{}: {}", path.display(), kind.question());
    }
    Ok(())
}
