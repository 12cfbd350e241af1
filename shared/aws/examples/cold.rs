//! t
use filas_domain::ports::TaskCatalogue as _;
#[tokio::main(flavor = "current_thread")]
async fn main() {
    let t = std::time::Instant::now();
    let c = filas_aws::Cloud::from_env().await.map_err(|e| e.to_string()).unwrap();
    let l = filas_aws::DynamoLedger::new(&c.dynamodb, "x");
    eprintln!("clients {:?}", t.elapsed());
    let r = l.list(&"a".parse().unwrap(), None, None, 1).await;
    eprintln!(
        "first call {:?} {}",
        t.elapsed(),
        r.map(|_| String::new()).unwrap_or_else(|e| format!("{} {}", filas_domain::error_chain(&e), e.is_transient()))
    );
    let t = std::time::Instant::now();
    let _ = l.list(&"a".parse().unwrap(), None, None, 1).await;
    eprintln!("second call {:?}", t.elapsed());
}
