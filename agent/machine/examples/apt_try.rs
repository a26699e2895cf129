use patchflock_baselines::plan::*;
use patchflock_machine::{
    pm::{PackageManager, apt::Apt},
    root::Root,
};
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let apt = Apt::new(Root::at(a[1].clone()));
    let plan = || {
        let p: Plan = serde_json::from_str(&std::fs::read_to_string(&a[3]).unwrap()).unwrap();
        p
    };
    let t = std::time::Instant::now();
    let mut prog = |p| eprintln!("{p:?}");
    match a[2].as_str() {
        "scan" => match apt.scan() {
            Ok(s) => println!("{}", serde_json::to_string_pretty(&s).unwrap()),
            Err(e) => println!("ERR {e}"),
        },
        "refresh" => println!("{:?}", apt.refresh(&mut prog)),
        "simulate" => {
            let ts: Vec<Target> = a[3..]
                .iter()
                .map(|x| {
                    let (n, v) = x.split_once('=').unwrap();
                    let (n, ar) = n.split_once(':').unwrap();
                    Target { name: n.into(), arch: ar.into(), version: v.into() }
                })
                .collect();
            println!("{:#?}", apt.simulate(&ts))
        }
        "fetch" => println!("{:?}", apt.fetch(&plan(), &mut prog)),
        "install" => println!("{:#?}", apt.install(&plan(), &mut prog)),
        "repair" => println!("{:?}", apt.repair()),
        _ => unreachable!(),
    }
    eprintln!("{:?}", t.elapsed());
}
