fn main() {
    tauri::Builder::default()
        .invoke_handler(tauri::generate_handler![call])
        .setup(|app| {
            tauri::WebviewWindowBuilder::new(app, "main", tauri::WebviewUrl::default())
                .on_navigation(|u| { eprintln!("nav {u}"); u.scheme()=="tauri" })
                .on_new_window(|u,_| { eprintln!("new {u}"); tauri::webview::NewWindowResponse::Deny })
                .build()?;
            Ok(())
        })
        .run(tauri::generate_context!())
        .unwrap();
}
#[tauri::command]
async fn call(name: String, args: serde_json::Value) -> Result<serde_json::Value, serde_json::Value> {
    Ok(serde_json::json!({"name": name, "args": args}))
}
