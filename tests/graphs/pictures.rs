use millrun::Graph;
use millrun::prelude::*;

use crate::drawn::{FOLDER, boxes, chain, etl, fan, long_names, random, retried, run_apart, single};
use crate::svg::{Picture, check};

#[test]
fn dot_has_a_node_for_each_run_filled_by_its_state() {
    let graph = etl().report_blocking().graph();
    let dot = graph.to_dot();
    assert!(dot.starts_with("digraph \"etl\" {\n") && dot.ends_with("}\n"));
    for (n, node) in graph.nodes.iter().enumerate() {
        let line = dot.lines().find(|line| line.starts_with(&format!("  n{n} ["))).unwrap();
        assert!(line.contains(&format!("label=\"{}\\n{}", node.name, node.state().unwrap())), "{line}");
    }
    let fill = |name: &str| {
        let line = dot.lines().find(|line| line.contains(&format!("label=\"{name}\\n"))).unwrap();
        line.split_once("fillcolor=").unwrap().1
    };
    assert_eq!(fill("extract-0"), fill("notify-0"));
    assert_ne!(fill("extract-0"), fill("clean-1"));
    assert_ne!(fill("extract-0"), fill("publish-0"));
    // As each is begun: extract, extract, clean, clean, clean, join, publish, notify.
    assert!(dot.contains("  n5 -> n6 [label=\"_rows\"];\n"), "{dot}");
    assert!(dot.contains("  n4 -> n6 [style=dashed];\n"), "{dot}");
    for state in ["Completed", "Failed", "Skipped"] {
        assert!(dot.contains(&format!("[label=\"{state}\"")), "no legend for {state}");
    }
}

#[test]
fn mermaid_has_a_node_for_each_run_and_a_class_for_each_state() {
    let mermaid = etl().report_blocking().graph().to_mermaid();
    assert!(mermaid.starts_with("---\ntitle: \""));
    assert!(mermaid.contains("\nflowchart LR\n"));
    assert!(mermaid.contains("[\"clean-1<br>Failed in "), "{mermaid}");
    assert!(mermaid.contains("  n5 -- \"_rows\" --> n6\n"), "{mermaid}");
    assert!(mermaid.contains("  n4 -.-> n6\n"), "{mermaid}");
    for state in ["Completed", "Failed", "Skipped"] {
        assert!(mermaid.contains(&format!("\"]:::{state}\n")) || state == "Skipped");
        assert!(mermaid.contains(&format!("  classDef {state} fill:#")), "{mermaid}");
    }
}

#[test]
fn a_map_says_how_many_runs_it_has_in_each_state() {
    let run = boxes(14).report_blocking();
    let graph = run.graph();
    assert!(graph.to_dot().contains("label=\"fetch × 14\\n2 Failed, 12 Completed\""));
    assert!(graph.to_mermaid().contains("[[\"fetch × 14<br>2 Failed, 12 Completed\"]]:::Failed"));
    let picture = Picture::of(&graph.to_svg());
    assert!(picture.has("fetch × 14") && picture.has("2 Failed, 12 Completed"));
    let singly = run.graph_with(millrun::graph::Maps::Singly);
    assert!(Picture::of(&singly.to_svg()).has("fetch[3]"));
    assert!(singly.to_dot().contains("label=\"fetch[3]\\nFailed in "));
}

#[test]
fn what_is_begun_by_runs_hangs_on_them() {
    let graph = boxes(3).report_blocking().graph();
    let place = |name: &str| graph.nodes.iter().position(|node| node.name == name).unwrap();
    let (outer, only) = (place("with_inner-0"), place("only-0"));
    assert!(graph.to_dot().contains(&format!("  n{outer} -> n{only} [style=dotted")));
    assert!(graph.to_mermaid().contains(&format!("  n{outer} --o n{only}\n")));
}

#[test]
fn names_are_written_as_they_are() {
    let graph = long_names().report_blocking().graph();
    let dot = graph.to_dot();
    assert!(dot.contains("label=\"<b>&amp;\\\"quoted\\\"</b> \\\\ {brace} #35; `tick`\\n"), "{dot}");
    let mermaid = graph.to_mermaid();
    assert!(mermaid.contains(
        "[\"#60;b#62;#38;amp#59;#34;quoted#34;#60;/b#62; #92; #123;brace#125; #35;35#59; #96;tick#96;<br>"
    ));
    let picture = Picture::of(&graph.to_svg());
    let whole = picture.texts.join(" ");
    assert!(picture.has("<b>&amp;\"quoted\"</b> \\ {brace} #35; `tick`"), "{whole}");
    assert!(whole.contains("with commas, and does not come to an end before it has been broken in lines"));
    assert!(picture.texts.concat().contains(&"x".repeat(130)));
    for line in ["日本語の名前が付いたタスク", "Ünïcödé ✓ 🚀", "two", "lines "] {
        assert!(picture.has(line), "{line}");
    }
}

/// Boxes cover neither each other nor lines of other boxes, text stays in boxes, and all in the picture.
#[test]
fn nothing_covers_anything() {
    let graphs = [
        single().report_blocking().graph(),
        etl().report_blocking().graph(),
        long_names().report_blocking().graph(),
        boxes(40).report_blocking().graph(),
        fan(60).report_blocking().graph(),
    ];
    let random = (0..20).map(|seed| random(10 + 10 * seed as usize, seed).report_blocking().graph());
    for graph in graphs.into_iter().chain(random) {
        check(&graph.to_svg(), graph.nodes.len());
    }
}

#[test]
fn two_hundred_runs_are_drawn_in_no_more_room_than_a_few_screens() {
    let picture = Picture::of(&random(200, 5).report_blocking().graph().to_svg());
    let (width, height) = picture.size;
    assert!(width < 5000.0 && height < 3000.0, "{width} × {height}");
}

#[test]
fn thousands_of_runs_are_drawn_too() {
    let apart = run_apart(5000).report_blocking().graph();
    for graph in [chain(2900).report_blocking().graph(), fan(6000).report_blocking().graph(), apart] {
        let svg = graph.to_svg();
        assert_eq!(svg.matches("<title>").count(), graph.nodes.len());
    }
}

#[test]
fn a_chart_has_a_bar_for_each_attempt() {
    let graph = retried();
    let picture = Picture::of(&graph.gantt().to_svg());
    assert!(picture.has("flaky-0") && picture.has("10.0s") && picture.has("20.0s"), "{:?}", picture.texts);
    let bars: Vec<_> = picture.boxes.iter().filter(|rect| rect.height == 16.0).collect();
    // The flow run's, and three attempts with ten seconds between them.
    assert_eq!(bars.len(), 4);
    let (first, last) = (bars[1], bars[3]);
    assert_eq!(first.fill, bars[2].fill, "both have failed");
    assert_ne!(first.fill, last.fill);
    assert!(last.x - first.x > 800.0);
    assert!(picture.has("Failed") && picture.has("Completed"), "the legend says what colours mean");
    // Nothing has begun: there are names and no bars.
    let mut json = serde_json::to_value(&graph).unwrap();
    json["flow_run"]["started_at"] = serde_json::Value::Null;
    json["flow_run"]["states"] = serde_json::json!([]);
    json["nodes"] = serde_json::json!([]);
    let empty: Graph = serde_json::from_value(json).unwrap();
    assert!(Picture::of(&empty.gantt().to_svg()).boxes.is_empty());
}

#[test]
fn a_file_is_of_the_kind_that_its_extension_says() {
    let graph = etl().report_blocking().graph();
    let starts = |name: &str, start: &str| {
        let path = graph.save(FOLDER.join(name)).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        assert!(bytes.starts_with(start.as_bytes()), "{name}: {:?}", &bytes[..16]);
        path
    };
    starts("eight.dot", "digraph");
    starts("eight.GV", "digraph");
    starts("eight.mmd", "---\ntitle");
    starts("eight.svg", "<svg");
    starts("eight.pdf", "%PDF");
    let path = starts("eight", "%PDF");
    assert_eq!(path, FOLDER.join("eight.pdf"));
    let png = graph.gantt().save(FOLDER.join("eight.png")).unwrap();
    assert!(std::fs::read(png).unwrap().starts_with(b"\x89PNG\r\n"));
    assert_eq!(graph.gantt().save(FOLDER.join("gantt")).unwrap(), FOLDER.join("gantt.pdf"));
}

#[test]
fn what_cannot_be_saved_says_why() {
    let graph = single().report_blocking().graph();
    let error = graph.save("single.docx").unwrap_err().to_string();
    assert_eq!(
        error,
        "`.docx` is not a kind of picture that can be drawn: write `.dot`, `.gv`, `.mmd`, `.svg`, `.png`, `.pdf`, or no extension \
         for a PDF"
    );
    let error = graph.gantt().save("single.dot").unwrap_err().to_string();
    assert!(error.starts_with("`.dot` is not a kind of picture") && !error.contains("mmd"), "{error}");
    let path = FOLDER.join("there/is/no/such.svg");
    let error = graph.save(&path).unwrap_err();
    assert!(error.to_string().starts_with(&format!("failed to write `{}`: ", path.display())), "{error}");
    assert!(std::error::Error::source(&error).is_some());
}

/// What there is to look at: `MILLRUN_TEST_PICTURES=dir cargo test -p millrun-tests --test graphs`.
#[test]
fn pictures_to_look_at() {
    let graphs = [
        ("one", single().report_blocking().graph()),
        ("eight", etl().report_blocking().graph()),
        ("fifty", random(50, 3).report_blocking().graph()),
        ("two-hundred", random(200, 5).report_blocking().graph()),
        ("names", long_names().report_blocking().graph()),
        ("boxes", boxes(40).report_blocking().graph()),
        ("retried", retried()),
    ];
    for (name, graph) in graphs {
        for extension in ["dot", "mmd", "svg"] {
            graph.save(FOLDER.join(format!("look-{name}.{extension}"))).unwrap();
        }
        graph.gantt().save(FOLDER.join(format!("look-{name}-gantt.svg"))).unwrap();
    }
}

/// The last are in no font: they are for private use.
const ALPHABETS: [&str; 5] = ["日本語", "مرحبا", "Ünïcödé", "✓ 🚀", "\u{10FFF0}\u{10FFF1}"];

#[task]
fn named() {}

#[flow(flow_run_name = "alphabets")]
fn of_many_alphabets(names: Vec<String>) {
    for name in names {
        named.with_task_run_name(name).submit().wait();
    }
}

#[test]
fn letters_that_no_font_has_are_drawn_as_boxes() {
    let names = ALPHABETS.map(str::to_owned).to_vec();
    let graph = of_many_alphabets(names).report_blocking().graph();
    for extension in ["svg", "png", "pdf"] {
        let path = graph.save(FOLDER.join(format!("look-alphabets.{extension}"))).unwrap();
        assert!(std::fs::metadata(path).unwrap().len() > 1000, "{extension}");
    }
    let mut json = serde_json::to_value(&graph).unwrap();
    let mut png = |name: &str| {
        json["nodes"][0]["name"] = name.into();
        let graph: Graph = serde_json::from_value(json.clone()).unwrap();
        std::fs::read(graph.save(FOLDER.join("letters.png")).unwrap()).unwrap()
    };
    let of_none = png("\u{10FFF0}\u{10FFF1}");
    assert_eq!(of_none, png("\u{10FFF0}\u{10FFF1}"));
    assert!(of_none != png("\u{A0}\u{A0}"), "nothing is drawn in place of letters that no font has");
    assert!(of_none != png("\u{10FFF0}"), "there is a box for each");
}
