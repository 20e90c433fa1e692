use super::*;
use probe::Preset;

#[test]
fn a_folder_is_never_taken_from_another_run() {
    let results = tempfile::tempdir().unwrap();
    let config = Preset::Smoke.config();
    let choose = |name: Option<&str>, resume: bool, config: &ProbeConfig| {
        RunFolder::choose(results.path(), name, "base", resume, config)
            .map(|folder| folder.path().file_name().unwrap().to_owned())
            .map_err(|error| error.to_string())
    };
    assert!(
        choose(None, true, &config)
            .unwrap_err()
            .contains("to resume")
    );
    assert_eq!(choose(None, false, &config).unwrap(), "base");
    assert_eq!(choose(None, false, &config).unwrap(), "base-2");
    assert_eq!(choose(None, true, &config).unwrap(), "base-2");
    assert!(
        choose(Some("base"), false, &config)
            .unwrap_err()
            .contains("--resume")
    );
    assert_eq!(choose(Some("base"), true, &config).unwrap(), "base");
    let mut other = config.clone();
    other.training.steps += 1;
    let error = choose(Some("base"), true, &other).unwrap_err();
    assert!(
        error.contains("another configuration") && error.contains("steps"),
        "{error}"
    );
    assert_eq!(choose(None, false, &other).unwrap(), "base-3");
    let (_, read) = RunFolder::open::<ProbeConfig>(&results.path().join("base-3")).unwrap();
    assert_eq!(read, other);
}

#[test]
fn two_writers_refuse_each_other_by_pid() {
    let results = tempfile::tempdir().unwrap();
    let config = Preset::Smoke.config();
    let choose = |resume| RunFolder::choose(results.path(), Some("a"), "", resume, &config);
    let first = choose(false).unwrap();
    let error = choose(true).unwrap_err().to_string();
    let pid = std::process::id().to_string();
    assert!(error.contains("in use") && error.contains(&pid), "{error}");
    let error = RunFolder::open::<ProbeConfig>(first.path()).unwrap_err();
    assert!(error.to_string().contains("in use"));
    drop(first);
    choose(true).unwrap();
}

#[test]
fn who_is_given_a_folder_that_cannot_be_written_is_told_to_copy_it() {
    let results = tempfile::tempdir().unwrap();
    let config = Preset::Smoke.config();
    let choose = |resume| RunFolder::choose(results.path(), Some("a"), "", resume, &config);
    let path = choose(false).unwrap().path().to_owned();
    // Where a folder stands no file can be written, whoever the user is.
    let _ = std::fs::remove_file(path.join(LOCK));
    std::fs::create_dir(path.join(LOCK)).unwrap();
    let told = choose(true).unwrap_err().to_string();
    assert!(told.contains("name another place with --results"), "{told}");
    let open = || {
        RunFolder::open::<ProbeConfig>(&path)
            .unwrap_err()
            .to_string()
    };
    let told = open();
    assert!(
        told.ends_with("copy the folder to where you may write and give the copy"),
        "{told}"
    );
    std::fs::write(results.path().join(STUDY_FILE), "").unwrap();
    assert!(
        open().contains("copy the folder of its study"),
        "{}",
        open()
    );
}

#[test]
fn what_a_study_is_writing_is_not_cleared_away_by_one_of_its_runs() {
    let study = tempfile::tempdir().unwrap();
    let config = Preset::Smoke.config();
    std::fs::write(study.path().join(STUDY_FILE), "").unwrap();
    let choose = |resume| RunFolder::choose(study.path(), Some("a"), "", resume, &config);
    let cells = choose(false).unwrap().cells();
    assert_eq!(cells, study.path().join("cells"));
    std::fs::create_dir(&cells).unwrap();
    let unfinished = |folder: &Path| {
        let path = folder.join(".unfinished-x");
        std::fs::write(&path, "half a cell").unwrap();
        path
    };
    let [of_study, of_run] = [unfinished(&cells), unfinished(&study.path().join("a"))];
    choose(true).unwrap();
    assert!(of_study.exists() && !of_run.exists());
}

#[test]
fn a_folder_with_other_things_is_left_alone() {
    let results = tempfile::tempdir().unwrap();
    std::fs::create_dir(results.path().join("mine")).unwrap();
    std::fs::write(results.path().join("mine/thesis.txt"), "years of work").unwrap();
    let config = Preset::Smoke.config();
    let error = RunFolder::choose(results.path(), Some("mine"), "base", true, &config);
    assert!(error.unwrap_err().to_string().contains("something else"));
}

#[test]
fn a_damaged_configuration_is_named_with_the_reason_and_what_to_do() {
    let results = tempfile::tempdir().unwrap();
    let config = Preset::Smoke.config();
    let choose = |name, resume| RunFolder::choose(results.path(), name, "a", resume, &config);
    let first = choose(Some("a"), true).unwrap();
    assert!(first.is_fresh());
    drop(first);
    let file = results.path().join("a").join(ProbeConfig::FILE);
    let whole = std::fs::read(&file).unwrap();
    for damaged in [&whole[..whole.len() / 2], b"seeds = [1", b"\xff\xfe", b""] {
        std::fs::write(&file, damaged).unwrap();
        for (name, resume) in [(Some("a"), true), (Some("a"), false), (None, true)] {
            let error = choose(name, resume).unwrap_err().to_string();
            for part in ["config.toml cannot be read", "from a copy", "another --run"] {
                assert!(error.contains(part), "no `{part}` in: {error}");
            }
            assert!(!error.contains("something else"), "{error}");
        }
    }
    // Without a name there is always room beside it.
    assert!(choose(None, false).unwrap().path().ends_with("a-2"));
    std::fs::write(&file, &whole).unwrap();
    assert!(!choose(Some("a"), true).unwrap().is_fresh());
}

#[test]
fn only_a_folder_of_its_own_is_taken_back() {
    let results = tempfile::tempdir().unwrap();
    let config = Preset::Smoke.config();
    let choose = |resume| RunFolder::choose(results.path(), Some("a"), "", resume, &config);
    let path = results.path().join("a");
    choose(false).unwrap().abandon();
    assert!(!path.exists());
    choose(false).unwrap();
    choose(true).unwrap().abandon();
    assert!(path.join(ProbeConfig::FILE).exists());
}

#[test]
fn a_folder_of_another_kind_is_told_with_its_command() {
    let folder = tempfile::tempdir().unwrap();
    let error = |folder: &Path| RunFolder::config_of::<ProbeConfig>(folder).unwrap_err();
    assert!(
        error(folder.path())
            .to_string()
            .ends_with("not the folder of a run")
    );
    std::fs::write(folder.path().join(STUDY_FILE), "").unwrap();
    let told = error(folder.path()).to_string();
    assert!(
        told.contains("a study") && told.contains("`claims`"),
        "{told}"
    );
}
