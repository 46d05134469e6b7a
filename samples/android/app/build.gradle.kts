plugins {
    alias(libs.plugins.android.application)
    alias(libs.plugins.kotlin.android)
}

android {
    namespace = "org.mpoxlens.sample"
    compileSdk = 36

    defaultConfig {
        applicationId = "org.mpoxlens.sample"
        minSdk = 28 // ImageDecoder, which turns photographs upright
        targetSdk = 36
        versionCode = 1
        versionName = "1"
        ndk { abiFilters += listOf("arm64-v8a", "x86_64") } // what both runtimes have libraries for
    }

    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_17
        targetCompatibility = JavaVersion.VERSION_17
    }

    androidResources { noCompress += listOf("tflite", "pte") }

    // The clinic's own texts and the vectors that page and clinic share: read where they are, not copied.
    sourceSets {
        named("main") { resources.srcDir("../../../web/src/tables") }
        named("test") { resources.srcDir("../../../web/test/vectors") }
    }
}

kotlin { jvmToolchain(17) }

dependencies {
    implementation(libs.androidx.activity)
    implementation(libs.executorch)
    implementation(libs.litert)
    implementation(libs.serialization.json)
    testImplementation(libs.junit)
}
